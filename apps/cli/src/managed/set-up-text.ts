/** What a person does with a set-up code. */
export function setUpText({ url, expiresAt }: { readonly url: string; readonly expiresAt: string }): string {
  return `There is no account yet. Make the first administrator in a browser, until ${expiresAt}:\n\n  ${url}\n\nKeep the link to yourself. A restart of the server, or \`holdfast set-up-link\`, gives another.\n`;
}
