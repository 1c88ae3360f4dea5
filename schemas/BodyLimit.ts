/** Bytes of a request's body that are accepted, of devices (contract section 2) and of Exchange (section 3); above: 413. */
export const BODY_LIMIT = 256 * 1024
