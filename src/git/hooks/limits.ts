/** Limits of a pre-receive check: the hook keeps to them, the server holds it to them. */

/** Raw bytes of a part, so that its gzip stays under 8 MiB even where nothing can be compressed. */
export const PART_BYTES = 6 * 1024 * 1024;
/** Raw bytes of a push that are checked; the rest is left to admission. */
export const PUSH_BYTES = 32 * 1024 * 1024;
/** Changed files of a push that are checked. */
export const PUSH_FILES = 5_000;
/** Unchanged definitions sent along, so that objects of a kind defined before are known. */
export const CONTEXT_FILES = 500;
/** A larger file is no resource (512 KiB); it is not sent, and left to admission to say so. */
export const FILE_BYTES = 4 * 1024 * 1024;
/** Seconds after which no further part is begun. */
export const PUSH_SECONDS = 10;
/** Ref updates of a push that can be checked together; more is refused, since `pushers` could not be. */
export const PUSH_REFS = 10_000;

/** Of a part as it travels; more is refused before it is unpacked. */
export const PART_COMPRESSED_MAX = 8 * 1024 * 1024;
/** Of a part unpacked: what a hook puts into one, twice over. Bounds what a small gzip can be blown up to. */
export const PART_RAW_MAX = 16 * 1024 * 1024;

/** Errors in one answer: more are not read by anyone, and a push of 5,000 bad files would make megabytes of them. */
export const ERRORS_MAX = 500;
