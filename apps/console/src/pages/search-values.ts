/** What stands in an address is foreign text: each value is one that the page knows, or is left out. */

export function textIn(value: unknown, maxLetters = 253): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text !== '' && text.length <= maxLetters ? text : undefined;
}

/** A moment, as the server writes it. */
export function timeIn(value: unknown): string | undefined {
  const text = textIn(value);
  return text !== undefined && /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)) ? text : undefined;
}

export function oneOf<const Choice extends string>(value: unknown, choices: readonly Choice[]): Choice | undefined {
  return choices.find((choice) => choice === value);
}

type Given<Values extends object> = { -readonly [Key in keyof Values]?: Exclude<Values[Key], undefined> };

/** Without the keys that have no value, so that the address stays short. */
export function given<Values extends object>(values: Values): Given<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<Values>;
}
