#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
  Removes the Windows service and its firewall rule. %ProgramData%\ENS, with data and master key, stays. Not tried on Windows yet.
#>
[CmdletBinding()]
param()
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

if (Get-Service -Name 'ENS' -ErrorAction SilentlyContinue) {
  Stop-Service -Name 'ENS'
  & (Join-Path $PSScriptRoot 'ens-service.exe') uninstall
  if ($LASTEXITCODE -ne 0) { throw "WinSW ended with code $LASTEXITCODE" }
}
Remove-NetFirewallRule -Name 'ENS' -ErrorAction SilentlyContinue
Write-Host "Removed. Data and master key are still in $(Join-Path $env:ProgramData 'ENS')."
