import { oauthPaths } from '@holdfast/protocol';
import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider';
import { type Html, html, page, pageHeaders } from './page.ts';

/** The pages that the provider shows by itself: those of devices, and what went wrong. */

export function deviceCodeForm(
  ctx: KoaContextWithOIDC,
  o: { typed: string | undefined; error: Error | undefined },
): void {
  send(ctx, {
    title: 'Sign in a device',
    problem: problemOf(o.error),
    body: html`<p>Only type a code that you see on a device, or in a terminal, of your own.</p>
<form method="post" action="${oauthPaths.code_verification}"><input type="hidden" name="xsrf" value="${secretOf(ctx)}">
<label>Code<input name="user_code" value="${o.typed ?? ''}" required maxlength="20" autocomplete="off" autofocus></label>
<button>Continue</button></form>`,
  });
}

export function deviceConfirmation(
  ctx: KoaContextWithOIDC,
  o: { client: string; address: string; code: string },
): void {
  send(ctx, {
    title: 'Is this your device?',
    body: html`<p><strong>${o.client}</strong>, asked for from <strong>${o.address}</strong>, shows this code:</p><p><code>${o.code}</code></p>
<p>Whoever has that device can do what you may do, once you sign in. If you did not begin this yourself, refuse.</p>
<form method="post" action="${oauthPaths.code_verification}"><input type="hidden" name="xsrf" value="${secretOf(ctx)}">
<input type="hidden" name="user_code" value="${o.code}"><input type="hidden" name="confirm" value="yes">
<button>It is mine</button><button name="abort" value="yes">Refuse</button></form>`,
  });
}

export function deviceDone(ctx: KoaContextWithOIDC): void {
  send(ctx, {
    title: 'You are signed in',
    body: html`<p>Go back to the device or terminal. You can close this page.</p>`,
  });
}

/** `out` says no more than OAuth allows. */
export function providerError(ctx: KoaContextWithOIDC, out: ErrorOut): void {
  send(ctx, {
    title: 'That did not work',
    body: html`<p>${out.error_description ?? out.error}</p><p>Begin again in the program that sent you here.</p>`,
  });
}

function problemOf(error: Error | undefined): string | undefined {
  switch (error?.name) {
    case undefined:
      return undefined;
    case 'NotFoundError':
    case 'NoCodeError':
      return 'No device has this code.';
    case 'ExpiredError':
      return 'The code has expired: begin again on the device.';
    case 'AlreadyUsedError':
      return 'The code was used already.';
    case 'AbortedError':
      return 'The device was refused.';
    default:
      return 'That did not work: begin again.';
  }
}

function secretOf(ctx: KoaContextWithOIDC): string {
  const secret: unknown = ctx.oidc.session?.state?.['secret'];
  return typeof secret === 'string' ? secret : '';
}

function send(ctx: KoaContextWithOIDC, o: { title: string; problem?: string | undefined; body: Html }): void {
  ctx.set(pageHeaders());
  ctx.type = 'html';
  ctx.body = page(o);
}
