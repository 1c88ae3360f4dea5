#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
  Sets for the IIS site in front of ENS what web.config cannot. Not tried on Windows yet.
.DESCRIPTION
  Turns the proxy of Application Request Routing on, with a time limit above ENS's own, and takes the query out of the site's log:
  the query of a callback URL holds a sealed log-in.
.PARAMETER Site
  Name of the site.
.PARAMETER DisableHttpErr
  Also ends the log of HTTP.sys (HTTPERR), which has whole URLs of requests that never reach the site. It is one for the whole
  machine, and takes effect when the machine starts again.
.EXAMPLE
  .\Set-EnsSite.ps1 -Site ENS -DisableHttpErr
#>
[CmdletBinding()]
param(
  [Parameter(Mandatory = $true)] [string] $Site,
  [switch] $DisableHttpErr
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Import-Module WebAdministration

$server = 'MACHINE/WEBROOT/APPHOST'
$proxy = 'system.webServer/proxy'
Set-WebConfigurationProperty -PSPath $server -Filter $proxy -Name 'enabled' -Value $true
Set-WebConfigurationProperty -PSPath $server -Filter $proxy -Name 'preserveHostHeader' -Value $true
# Above what ENS may take: 30 s for a registration, ENS_CALLBACK_DEADLINE and 2 s for a callback.
Set-WebConfigurationProperty -PSPath $server -Filter $proxy -Name 'timeout' -Value '00:00:40'

# Everything but UriQuery, Referer and Cookie.
$fields = 'Date,Time,ClientIP,ServerPort,Method,UriStem,HttpStatus,HttpSubStatus,Win32Status,BytesSent,BytesRecv,TimeTaken'
Set-ItemProperty -Path "IIS:\Sites\$Site" -Name 'logFile.logFormat' -Value 'W3C'
Set-ItemProperty -Path "IIS:\Sites\$Site" -Name 'logFile.logExtFileFlags' -Value $fields

if ($DisableHttpErr) {
  Set-ItemProperty -Path 'HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters' -Name 'EnableErrorLogging' -Type DWord -Value 0
  Write-Host 'HTTPERR ends when this machine starts again.'
}
