import { call } from '../api/call.ts';

/** What the page remembers while the browser is at the provider, in this tab alone. */
interface Begun {
  readonly provider: string;
  /** Without it nobody ends the sign-in. */
  readonly pending: string;
  /** Where to go on afterwards. */
  readonly to: string;
}

const key = 'holdfast.outside-sign-in';
/** The address that the server leads back to. */
export const outsideReturnPath = '/sign-in/outside';

/** Leaves the page for the provider's. */
export async function beginOutsideSignIn(provider: string): Promise<void> {
  const { url, pending } = await call('beginOutsideSignIn', { query: { provider } });
  const isOurs = location.pathname !== outsideReturnPath && location.pathname !== '/set-up';
  const begun: Begun = { provider, pending, to: isOurs ? `${location.pathname}${location.search}` : '/' };
  sessionStorage.setItem(key, JSON.stringify(begun));
  location.assign(url);
}

/** With what the provider answered, once: out of the address and out of the memory. Undefined where this tab asked for nothing. */
export function takeOutsideAnswer(): (Begun & { readonly answer: string }) | undefined {
  if (location.pathname !== outsideReturnPath) return undefined;
  const [provider, answer = ''] = location.hash.slice(1).split('?', 2);
  const kept = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  history.replaceState(history.state, '', location.pathname);
  if (kept === null || answer === '') return undefined;
  const begun = JSON.parse(kept) as Begun;
  return begun.provider === provider ? { ...begun, answer } : undefined;
}
