/**
 * What to check after Exchange refused with this response code, in one plain sentence; undefined where the code's name
 * says as much as we know (docs of `ResponseCode`, Microsoft's EWS reference).
 */
export const adviceFor = (responseCode: string): string | undefined => ADVICE.get(responseCode)

const SAME_SITE =
  "the mailbox belongs to another site or server; use the EWS URL that Autodiscover gives for it"
const OWN_MAILBOX = "the account may not open this mailbox; log in as its owner"
const NO_VERSION =
  "the server knows none of the versions that were asked for; it has to be Exchange 2007 SP1 or newer"
const CHANGED_REQUEST =
  "the server does not understand the request; check what stands between ENS and Exchange, and that it is Exchange"
const NO_IMPERSONATION = "the account may not act for this mailbox; log in as the mailbox's owner"

const ADVICE: ReadonlyMap<string, string> = new Map([
  ["ErrorAccessDenied", OWN_MAILBOX],
  ["ErrorAccountDisabled", "the account is disabled; enable it in Active Directory"],
  ["ErrorAccountSuspend", "the account is suspended; ask the administrator of Exchange"],
  ["ErrorCallerIsInvalidADAccount", "the account is not known to Active Directory; check the user name"],
  ["ErrorCrossSiteRequest", SAME_SITE],
  [
    "ErrorDuplicateLegacyDistinguishedName",
    "two accounts in Active Directory have the same legacyExchangeDN; correct one of them"
  ],
  [
    "ErrorExceededSubscriptionCount",
    "the mailbox has too many subscriptions; unused ones end by themselves, else raise EwsMaxSubscriptions in its throttling policy"
  ],
  [
    "ErrorFolderNotFound",
    "the account does not see the Inbox of this mailbox; log in as the mailbox's owner"
  ],
  ["ErrorImpersonateUserDenied", NO_IMPERSONATION],
  ["ErrorImpersonationDenied", NO_IMPERSONATION],
  ["ErrorIncorrectSchemaVersion", NO_VERSION],
  ["ErrorInvalidAuthorizationContext", "Exchange could not establish who the caller is; check the log-in"],
  [
    "ErrorInvalidClientSecurityContext",
    "Exchange could not look the caller up; check its link to Active Directory"
  ],
  ["ErrorInvalidLicense", "the user has no licence for Exchange; assign one"],
  ["ErrorInvalidPushSubscriptionUrl", "Exchange does not accept the callback URL; check ENS_PUBLIC_URL"],
  ["ErrorInvalidRequest", CHANGED_REQUEST],
  ["ErrorInvalidSchemaVersionForMailboxVersion", NO_VERSION],
  ["ErrorInvalidServerVersion", NO_VERSION],
  ["ErrorInvalidSmtpAddress", "Exchange cannot read the user's e-mail address; check it"],
  [
    "ErrorInvalidWatermark",
    "Exchange does not know the last seen events any more; a subscription without a watermark is needed"
  ],
  [
    "ErrorMailboxConfiguration",
    "the mailbox is not set up rightly in Active Directory; ask the administrator of Exchange"
  ],
  [
    "ErrorMissingEmailAddress",
    "the account has no mailbox here; check the user name, or whether the mailbox was moved"
  ],
  ["ErrorNoApplicableProxyCASServersAvailable", SAME_SITE],
  ["ErrorNoDestinationCASDueToKerberosRequirements", SAME_SITE],
  ["ErrorNoDestinationCASDueToSSLRequirements", SAME_SITE],
  ["ErrorNoDestinationCASDueToVersionMismatch", SAME_SITE],
  [
    "ErrorNonExistentMailbox",
    "no mailbox has this address here; check the address, or whether the mailbox was moved"
  ],
  ["ErrorNonPrimarySmtpAddress", "the address is an alias; use the mailbox's primary address"],
  ["ErrorOrganizationAccessBlocked", "the organisation may not use Exchange any more; ask its administrator"],
  ["ErrorPasswordChangeRequired", "the password has to be changed first; log in to Outlook on the web"],
  ["ErrorPasswordExpired", "the password has expired; change it in Outlook on the web"],
  ["ErrorProxyRequestNotAllowed", SAME_SITE],
  ["ErrorProxyServiceDiscoveryFailed", SAME_SITE],
  ["ErrorSchemaValidation", CHANGED_REQUEST],
  ["ErrorSubscriptionAccessDenied", OWN_MAILBOX],
  [
    "ErrorSubscriptionDelegateAccessNotSupported",
    "only its owner can subscribe to a mailbox; log in as the owner"
  ],
  ["ErrorWrongServerVersion", SAME_SITE],
  ["ErrorWrongServerVersionDelegate", SAME_SITE]
])

/** All codes that have a sentence. */
export const ADVISED_CODES: ReadonlyArray<string> = [...ADVICE.keys()]
