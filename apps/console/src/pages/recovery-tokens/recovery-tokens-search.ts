import { given, textIn } from '../search-values.ts';

/** Which computer a token is to be made for, as it stands in the address. */
export function parseRecoveryTokensSearch(search: Readonly<Record<string, unknown>>) {
  return given({ computer: textIn(search['computer']) });
}
