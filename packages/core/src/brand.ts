declare const brandKey: unique symbol;

/** A string or number that only its parser can make, so that ids of different things cannot be mixed up. */
export type Brand<Base, Name extends string> = Base & { readonly [brandKey]: Name };
