// Descriptions that several types and fields share.

/** Of the argument `account`. */
export const accountDescription = 'Another account than your own; for admins.';

/** Of the field `errors` of a payload. */
export const errorsDescription = 'What went wrong; empty on success.';
