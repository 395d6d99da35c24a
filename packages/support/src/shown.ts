/**
 * What of a value is told: each field by name. `true`: as it is; `given`: only whether it is there; a tree: its fields likewise, of a
 * list those of each item; `each`: the same for every entry of a record, whatever its name.
 */
export type Shown = true | 'given' | { readonly [field: string]: Shown } | { readonly each: Shown };

/** The allow-list of an object, which has an entry for every field: one that is new does not compile without a decision. */
export type ShownFields<T> = { readonly [Field in keyof T]-?: Shown };

/** The part of a value that its allow-list names. What is not in the list is not there. */
export function shown(value: unknown, allowed: Shown): unknown {
  if (value === undefined || value === null) return value;
  if (allowed === true) return value;
  if (allowed === 'given') return '[given]';
  if (Array.isArray(value)) return value.map((item) => shown(item, allowed));
  if (typeof value !== 'object') return '[left out]';
  const isRecord = 'each' in allowed && Object.keys(allowed).length === 1;
  return Object.fromEntries(
    Object.entries(value).flatMap(([field, inner]) => {
      const rule = isRecord ? (allowed as { each: Shown }).each : (allowed as Record<string, Shown>)[field];
      return rule === undefined || inner === undefined ? [] : [[field, shown(inner, rule)]];
    }),
  );
}
