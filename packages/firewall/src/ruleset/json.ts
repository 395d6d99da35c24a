/** What nft prints, looked at without trusting it: whatever is of another shape counts as empty. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export function record(value: Json | undefined): { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !isList(value) ? value : {};
}

export function list(value: Json | undefined): readonly Json[] {
  return isList(value) ? value : [];
}

export function text(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
