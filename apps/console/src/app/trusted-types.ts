/**
 * The page's Content-Security-Policy lets no text become markup or the address of a script (`require-trusted-types-for`), but by this
 * policy, the only one that it allows. What needs it are Mantine's style elements, whose rules are text without markup, and the
 * console's own workers. Anything else is a mistake, or an attack, and throws.
 * See https://w3c.github.io/trusted-types/dist/spec/#default-policy-hdr
 */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: Readonly<Record<'createHTML' | 'createScriptURL', (text: string) => string>>,
  ): unknown;
}

// Browsers that know no trusted types don't ask for them either.
const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
trustedTypes?.createPolicy('default', {
  createHTML: (text) => {
    if (text.includes('<')) throw new TypeError('No text becomes markup here.');
    return text;
  },
  createScriptURL: (address) => {
    if (new URL(address, location.href).origin !== location.origin)
      throw new TypeError(`No script is from ${address}.`);
    return address;
  },
});
