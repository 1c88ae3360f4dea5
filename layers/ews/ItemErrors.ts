/**
 * Response codes that concern the one item which was asked for: it is gone, its id is none (a forged or foreign callback
 * can name anything), or it cannot be read and will not become readable (`responsecode.md` of Microsoft's EWS reference).
 * The other items of the call are none the worse. Whatever is about the mailbox, the caller or the moment is not here.
 */
export const ITEM_CODES: ReadonlySet<string> = new Set([
  "ErrorItemNotFound",
  "ErrorVirusDetected",
  "ErrorVirusMessageDeleted",

  "ErrorCalendarCannotUseIdForOccurrenceId",
  "ErrorCalendarCannotUseIdForRecurringMasterId",
  "ErrorCannotUseFolderIdForItemId",
  "ErrorInvalidId",
  "ErrorInvalidIdEmpty",
  "ErrorInvalidIdMalformed",
  "ErrorInvalidIdMalformedEwsLegacyIdFormat",
  "ErrorInvalidIdMonikerTooLong",
  "ErrorInvalidIdNotAnItemAttachmentId",
  "ErrorInvalidIdStoreObjectIdTooLong",
  "ErrorInvalidIdTooManyAttachmentLevels",
  "ErrorInvalidIdXml",
  "ErrorObjectTypeChanged",

  "ErrorContentConversionFailed",
  "ErrorCorruptData",
  "ErrorDataSizeLimitExceeded",
  "ErrorItemCorrupt",
  "ErrorItemPropertyRequestFailed",
  "ErrorMessageSizeExceeded",
  "ErrorMimeContentConversionFailed",
  "ErrorMimeContentInvalid",
  "ErrorUnsupportedMimeConversion",
  "ErrorUnsupportedTypeForConversion"
])

/**
 * The item has no such property. Where other items of the call have it, this one is no mail (somebody filed a contact or a
 * task); where none has it, the request was wrong.
 */
export const NO_SUCH_PROPERTY = "ErrorInvalidPropertyRequest"
