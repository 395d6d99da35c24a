/** Bounds of browser sessions and of setting a server up. */

/** The token that a browser had before it got another: requests of the same page are under way with it. */
export const renewedSessionGraceMs = 15_000;
/** A set-up code is good for the hour in which it was asked for, and for the next. */
export const setUpSlotMs = 3_600_000;
/** Bytes of a set-up code: nothing to guess. */
export const setUpCodeBytes = 16;
/** Sign-ins with providers elsewhere that one address begins in a minute: many people may be behind it. */
export const maxOutsideSignInsPerMinute = 60;
/** Wrong set-up codes from one address in a minute: about load, not about guessing. */
export const maxWrongSetUpCodes = 10;
