import { type Html, html } from './page.ts';
import { signInPath } from './paths.ts';

/** The forms that a person signs in with. Each is sent to the page of the sign-in that it belongs to. */

export function passwordForm(o: {
  uid: string;
  client: string;
  gives: string;
  name: string;
  providers: readonly { readonly id: string; readonly name: string }[];
}): Html {
  const others = o.providers.map(
    ({ id, name }) => html`<p><a href="${signInPath(o.uid)}/with/${id}">Sign in with ${name}</a></p>`,
  );
  return html`<p>for <strong>${o.client}</strong>, ${o.gives}</p>
<form method="post" action="${signInPath(o.uid)}">
<label>Name<input name="name" value="${o.name}" required maxlength="200" autocomplete="username" autocapitalize="none" autofocus></label>
<label>Password<input name="password" type="password" required maxlength="1024" autocomplete="current-password"></label>
<button name="step" value="password">Sign in</button><button name="step" value="cancel" formnovalidate>Cancel</button></form>${others}`;
}

export function codeForm(o: {
  uid: string;
  pending: string;
  passkeyOptions: Record<string, unknown> | undefined;
}): Html {
  const hidden = html`<input type="hidden" name="pending" value="${o.pending}">`;
  const passkey = o.passkeyOptions
    ? html`<form method="post" id="passkey" action="${signInPath(o.uid)}" data-options="${JSON.stringify(o.passkeyOptions)}">${hidden}
<input type="hidden" name="step" value="passkey"><input type="hidden" name="response"><button>Use a passkey</button> <span role="alert"></span></form>
<script src="${passkeyScriptPath}"></script>`
    : html``;
  return html`${passkey}<form method="post" action="${signInPath(o.uid)}">${hidden}
<label>Code of the authenticator, or a recovery code<input name="code" required maxlength="40" autocomplete="one-time-code" autofocus></label>
<button name="step" value="code">Continue</button><button name="step" value="cancel" formnovalidate>Cancel</button></form>`;
}

/** Somebody else chose the password: it is known again here, so that nobody else who got so far chooses the next one. */
export function newPasswordForm(o: { uid: string; pending: string }): Html {
  const field = html`type="password" required maxlength="1024"`;
  return html`<p>The present one was chosen by somebody else.</p>
<form method="post" action="${signInPath(o.uid)}"><input type="hidden" name="pending" value="${o.pending}">
<label>Present password<input name="current" ${field} autocomplete="current-password" autofocus></label>
<label>New password<input name="password" ${field} autocomplete="new-password"></label>
<label>New password again<input name="again" ${field} autocomplete="new-password"></label>
<button name="step" value="new-password">Change it and go on</button><button name="step" value="cancel" formnovalidate>Cancel</button></form>`;
}

export const passkeyScriptPath = '/oauth/passkey.js';

/** WebAuthn level 3: only a script can ask the browser for a passkey. */
export const passkeyScript = `const form = document.getElementById('passkey');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(form.dataset.options));
    const answer = await navigator.credentials.get({ publicKey });
    form.elements.response.value = JSON.stringify(answer.toJSON());
    form.submit();
  } catch (error) {
    form.querySelector('[role=alert]').textContent = 'The passkey could not be used: ' + error.message;
  }
});
`;
