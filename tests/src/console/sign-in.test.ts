/** What the server wants before anything else, and sign-in with a provider elsewhere, in Debian's Chromium. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { TestOutsideProvider } from '@holdfast/server/testing';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';
import { oneTimePassword } from './one-time-password.ts';

const password = 'a calm green harbour';
const first = 'the first of two passwords';

test('a password of one’s own, a second factor that the role needs, and a provider elsewhere', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t, { name: 'backup.test', people: { secondFactorRoles: ['auditor'] } });
  const outside = await TestOutsideProvider.start(t);
  const watched = await WatchedPage.openTrusting(t, {
    origin: system.origin,
    trusted: [system.caPem, outside.certificatePem],
    others: [outside.issuer],
  });
  const { page, context } = watched;
  const heading = (name: string) => page.getByRole('heading', { level: 1, name });
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const signIn = async (name: string, given = password): Promise<void> => {
    await page.getByRole('textbox', { name: 'Name' }).fill(name);
    await page.getByRole('textbox', { name: 'Password' }).fill(given);
    await button('Sign in').click();
  };
  const signOut = async (): Promise<void> => {
    await button('Sign out').click();
    await heading('Sign in').waitFor();
  };
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'usb', hasResidentKey: false, hasUserVerification: true },
      ...{ isUserVerified: true, automaticPresenceSimulation: true },
    },
  });

  await t.test('whoever was given a password chooses another before anything else', async () => {
    await system.call((client) =>
      client.call('createUser', { body: { name: 'bob', role: 'backup-operator', password: first } }),
    );
    await page.goto(`${system.origin}/jobs`);
    await signIn('bob', first);
    await heading('Choose a password of your own').waitFor();
    await watched.checkAccessibility('password');
    await watched.checkNarrow('password');
    await page.getByLabel('The password you were given').fill(first);
    await page.getByLabel('Your own password').fill('short');
    await button('Set the password').click();
    await page.getByRole('alert').getByText('auth.password').waitFor();
    await page.getByLabel('Your own password').fill(password);
    await button('Set the password').click();
    await heading('Jobs').waitFor();
    await signOut();
    await signIn('bob');
    await heading('Jobs').waitFor();
  });

  await t.test(
    'a role that needs a second factor sets one up: a passkey, which is asked for the next time',
    async () => {
      await system.addPerson('dave', 'auditor', password);
      await signOut();
      await signIn('dave');
      await heading('Set up a second factor').waitFor();
      await page.getByLabel('Your password').fill(password);
      await watched.checkAccessibility('second factor');
      await watched.checkNarrow('second factor');
      await button('Add a passkey').click();
      await page.getByRole('region', { name: 'Recovery codes' }).waitFor();
      await button('I have kept them').click();
      await heading('Jobs').waitFor();
      await signOut();
      await signIn('dave');
      await button('Use a passkey').click();
      await heading('Jobs').waitFor();
    },
  );

  await t.test('somebody who needs none adds a passkey in the settings, and takes it away again', async () => {
    const go = (name: string) =>
      page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name });
    await signOut();
    await signIn('bob');
    await go('Settings').click();
    await heading('Your account').waitFor();
    await page.getByLabel('Your password').fill(password);
    await button('Add a passkey').click();
    await page.getByRole('region', { name: 'Recovery codes' }).waitFor();
    const factors = page.getByRole('table', { name: 'Second factors' });
    await factors.getByText('Passkey').first().waitFor();
    await watched.checkAccessibility('an account with a passkey');
    await watched.checkNarrow('an account with a passkey');
    await signOut();
    await signIn('bob');
    await button('Use a passkey').click();
    await heading('Your account').waitFor();
    await button('Remove: Passkey').click();
    await page.getByText('Only your password protects this account.').waitFor();
    await signOut();
    await signIn('bob');
    await heading('Your account').waitFor();
    await go('Jobs').click();
    await heading('Jobs').waitFor();
  });

  let recoveryCodes: readonly string[] = [];
  await t.test('or one-time passwords, whose first one shows that the secret has arrived', async () => {
    await system.addPerson('erin', 'auditor', password);
    await signOut();
    await signIn('erin');
    await heading('Set up a second factor').waitFor();
    await page.getByLabel('Your password').fill(password);
    await button('Add one-time passwords').click();
    await page.getByRole('img', { name: /Picture of the secret/ }).waitFor();
    const secret = (await page.getByRole('region', { name: 'Secret for the app' }).textContent()) ?? '';
    await page.getByRole('textbox', { name: 'One-time password' }).fill(oneTimePassword(secret));
    await button('It works').click();
    const codes = page.getByRole('region', { name: 'Recovery codes' });
    await codes.waitFor();
    recoveryCodes = ((await codes.textContent()) ?? '').split('\n');
    await button('I have kept them').click();
    await heading('Jobs').waitFor();
    await signOut();
  });

  await t.test('whom a provider elsewhere vouches for signs in with it, and gives the second factor here', async () => {
    const { issuer, clientId, clientSecret, caPem } = outside;
    const provider = await system.call(async (client) => {
      const body = { name: 'Company', issuer, clientId, clientSecret, caPem, allowLocalAddresses: true };
      const made = await client.call('createIdentityProvider', { body });
      const { users } = await client.call('users', {});
      for (const { id: userId, name } of users)
        if (name !== 'dave')
          await client.call('linkIdentity', { params: { id: made.id }, body: { userId, subject: `${name} there` } });
      return made;
    });
    outside.redirectTo(provider.redirectUri);
    await page.goto(`${system.origin}/computers?role=agent`);
    /** As in a browser in which nobody has signed in there yet. */
    const become = async (sub: string): Promise<void> => {
      await context.clearCookies({ domain: new URL(issuer).hostname });
      outside.person = { sub };
    };
    await become('bob there');
    await button('Sign in with Company').waitFor();
    await watched.checkAccessibility('sign-in with a provider');
    await button('Sign in with Company').click();
    await heading('Computers').waitFor();
    assert.equal(page.url(), `${system.origin}/computers?role=agent`, 'where the way began');
    await signOut();

    await become('erin there');
    await button('Sign in with Company').click();
    await button('Use a recovery code').click();
    await page.getByRole('textbox', { name: 'Recovery code' }).fill(recoveryCodes[0] ?? '');
    await button('Sign in').click();
    await heading('Computers').waitFor();
    await signOut();

    await become('somebody else');
    await button('Sign in with Company').click();
    await page.getByRole('alert').getByText('auth.forbidden').waitFor();
    await watched.checkAccessibility('not known here');
    // An answer that somebody else's browser asked for: it is good for nothing here.
    await page.goto(system.origin);
    await page.goto(`${system.origin}/sign-in/outside#${provider.id}?code=made-up&state=made-up`);
    await page.getByText(/was not begun/).waitFor();
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});
