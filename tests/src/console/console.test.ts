/** The web console as people use it: Debian's Chromium, and a real server, mover and agent. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { kitKeys, kitProof, newKitSecret } from '@holdfast/protocol/recovery-kit';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';
import { Keyboard } from './keyboard.ts';
import { oneTimePassword } from './one-time-password.ts';

const password = 'a calm green harbour';

test('from an empty server to the first backup, and what happens to an open page', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t);
  const watched = await WatchedPage.open(t, system.origin);
  const { page } = watched;
  const heading = (name: string) => page.getByRole('heading', { level: 1, name });
  const source = join(system.folder, 'documents');
  mkdirSync(source);
  writeFileSync(join(source, 'letter'), 'kept\n');

  // From the empty server to the end of the first backup, without what only the test does.
  const took: string[] = [];
  let sinceMs = performance.now();
  const goOn = (): void => void (sinceMs = performance.now());
  const note = (what: string): void => {
    took.push(`${what} ${((performance.now() - sinceMs) / 1000).toFixed(1)} s`);
    goOn();
  };

  await t.test('the first administrator is made with the code that the server printed', async () => {
    goOn();
    await page.goto(system.setUpUrl);
    await heading('Welcome').waitFor();
    note('first page');
    assert.equal(new URL(page.url()).hash, '', 'the code is no longer in the address');
    await watched.checkAccessibility('set-up');
    goOn();
    await page.getByRole('textbox', { name: 'Name' }).fill('alice');
    await page.getByRole('textbox', { name: 'Password', exact: true }).fill(password);
    await page.getByRole('textbox', { name: 'The password once more' }).fill(password);
    await page.getByRole('button', { name: 'Make the administrator' }).click();
    await heading('Get started').waitFor();
    note('administrator');
    const cookies = await watched.context.cookies();
    assert.ok(cookies.every(({ httpOnly, secure, sameSite }) => httpOnly && secure && sameSite !== 'None'));
    assert.equal(await page.evaluate('document.cookie'), '');
  });

  await t.test('the line that is shown joins a computer, which appears by itself', async () => {
    goOn();
    await page.getByRole('button', { name: 'Make the line for a computer' }).click();
    const line = (await page.getByRole('region', { name: 'Line that joins the computer' }).textContent()) ?? '';
    await system.runLine(line);
    const joined = page.getByRole('list', { name: 'Computers that have joined' });
    await joined.getByText('Agent').waitFor();
    await system.startComputer();
    await joined.getByText('Online').nth(1).waitFor();
    note('computer joined and online');
    await watched.checkAccessibility('get started');
    await watched.checkNarrow('get started');
  });

  await t.test('the recovery kit is asked for, and the step is done when its words are on paper', async () => {
    const step = page.getByRole('region', { name: /Print the recovery kit/ });
    await step.getByText('holdfast recovery-kit create').waitFor();
    const kit = await kitKeys(newKitSecret());
    const { publicKey, authKey } = kit;
    await system.call(async (client) => {
      await client.call('replaceRecoveryKit', { body: { publicKey, authKey } });
      await client.call('confirmRecoveryKit', { body: { proof: kitProof(kit) } });
    });
    await step.getByText('Somebody has shown').waitFor();
  });

  await t.test('a repository and a job are made, and the first backup is watched to its end', async () => {
    goOn();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('backups');
    await page.getByRole('button', { name: 'Add the repository' }).click();
    await page.getByText('There already: backups').waitFor();
    note('repository');
    await page.getByRole('radio', { name: 'Some folders' }).check();
    await page.getByRole('textbox', { name: 'Folders' }).fill(source);
    await page.getByRole('button', { name: 'Protect, and back up now' }).click();
    await heading('Daily backup').waitFor();
    await page.getByText('1 file,').waitFor();
    await page.getByRole('main').getByText('Succeeded').first().waitFor();
    note('first backup');
    t.diagnostic(`without the time to read and type: ${took.join(', ')}`);
    await page.getByRole('log').getByText('agent', { exact: true }).first().waitFor();
    await watched.checkAccessibility('session');
    await watched.checkNarrow('session');
    const { snapshots } = await system.call((client) => client.call('snapshots', {}));
    assert.deepEqual(
      snapshots.map(({ sources }) => sources),
      [[source]],
    );
  });

  const pages: readonly { readonly link: string; readonly title: string; readonly shows: string }[] = [
    { link: 'Overview', title: 'Overview', shows: 'Nothing failed.' },
    { link: 'Computers', title: 'Computers', shows: 'Agent' },
    { link: 'Jobs', title: 'Jobs', shows: 'daily at 21:00' },
    { link: 'Sessions', title: 'Sessions', shows: 'Daily backup' },
    { link: 'Tasks', title: 'Tasks', shows: '1 task' },
    { link: 'Repositories', title: 'Repositories', shows: 'backups' },
  ];
  for (const { link, title, shows } of pages)
    await t.test(`the page ${title} shows what there is, and axe-core finds nothing`, async () => {
      await page.getByRole('navigation').getByRole('link', { name: link }).click();
      await heading(title).waitFor();
      await page.getByRole('main').getByText(shows).first().waitFor();
      await watched.checkAccessibility(title);
      await watched.checkNarrow(title);
    });

  await t.test('a number of the overview leads to what was counted', async () => {
    await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('link', { name: '1 Protected', exact: true }).click();
    await heading('Computers').waitFor();
    assert.equal(new URL(page.url()).searchParams.get('state'), 'protected');
    await page.getByRole('status').getByText('1 computer', { exact: true }).waitFor();
    await page.goBack();
    await page
      .getByRole('link', { name: /^within a day/ })
      .first()
      .click();
    await page.getByRole('button', { name: /backed up since/ }).waitFor();
    assert.equal(await page.getByRole('row').count(), 2);
    await page.goBack();
    await page.getByRole('link', { name: '1 computer with an agent', exact: true }).click();
    await page.getByRole('status').getByText('1 computer', { exact: true }).waitFor();
  });

  await t.test('a ransomware alert is on the overview, leads to the earlier backup, and is settled', async () => {
    await system.raiseAlert();
    await page.goto(system.origin);
    await page.getByRole('link', { name: '1 Ransomware alerts', exact: true }).click();
    await heading('Ransomware alerts').waitFor();
    await page.getByText('300 of 400 files .docx are gone').waitFor();
    await watched.checkAccessibility('ransomware alerts');
    await watched.checkNarrow('ransomware alerts');
    await page.getByRole('link', { name: 'Look into the earlier backup' }).click();
    await heading('Restore').waitFor();
    await page.goBack();
    await page.getByRole('button', { name: /^False alarm/ }).click();
    await page.getByText('There is no alert that waits for somebody.').waitFor();
    const { alerts } = await system.call((client) => client.call('ransomwareAlerts', {}));
    assert.deepEqual(
      alerts.map(({ state, settledBy }) => `${state} ${settledBy?.split('/')[0]}`),
      ['false-alarm user'],
    );
  });

  await t.test('a job that fails says why where somebody looks, and is tried again', async () => {
    const missing = join(system.folder, 'photographs');
    await system.call(async (client) => {
      const [{ id: repositoryId } = { id: '' }] = await client.list('repositories', {});
      const agents = await client.list('computers', { query: { role: 'agent' } });
      await client.call('createJob', {
        body: {
          name: 'Photographs',
          computers: agents.map(({ id }) => id),
          scope: { kind: 'folders', paths: [missing] },
          target: { kind: 'shared', repositoryId },
          retries: { count: 0 },
        },
      });
    });
    await page.goto(`${system.origin}/jobs`);
    await page.getByRole('button', { name: 'Run now: Photographs' }).click();
    await heading('Photographs').waitFor();
    await page.getByRole('main').getByText('Failed').first().waitFor();
    const why = page.getByRole('main').getByText(missing);
    await why.first().waitFor();
    await watched.checkAccessibility('a session that failed');
    await watched.checkNarrow('a session that failed');
    await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('main').getByText(missing).first().waitFor();
    await watched.checkAccessibility('an overview with a failure');
    await page.getByRole('link', { name: 'once', exact: true }).click();
    await heading('Tasks').waitFor();
    await page.getByRole('table', { name: 'Tasks' }).getByText(missing).waitFor();
    assert.equal(await page.getByRole('row').count(), 2, 'a head, and the task that failed');
    await page.getByRole('table', { name: 'Tasks' }).getByRole('link', { name: 'Backup' }).click();
    mkdirSync(missing);
    writeFileSync(join(missing, 'negative'), 'found again\n');
    await page.getByRole('button', { name: 'Try what failed again' }).click();
    await page.getByText('1 file,').waitFor();
    await page.getByRole('main').getByText('Succeeded').first().waitFor();
  });

  await t.test('a job is switched off', async () => {
    await page.getByRole('navigation').getByRole('link', { name: 'Jobs' }).click();
    const toggle = page.getByRole('switch', { name: 'Run Daily backup by its schedule' });
    await toggle.click({ force: true });
    await page.getByRole('table').getByText('Disabled').waitFor();
    const { jobs } = await system.call((client) => client.call('jobs', {}));
    assert.equal(jobs.find(({ name }) => name === 'Daily backup')?.enabled, false);
  });

  await t.test('tables are filtered by the server, and their state stands in the address', async () => {
    await page.goto(`${system.origin}/computers?role=mover`);
    await page.getByRole('table').getByText('Data mover').waitFor();
    assert.equal(await page.getByRole('row').count(), 2);
    await new Keyboard(page).press(page.getByRole('columnheader').getByRole('button', { name: 'Computer' }));
    await page.waitForURL(/sort=name/);
    await page.getByRole('searchbox').fill('no such computer');
    await page.getByText('No computer is like that.').waitFor();
    assert.equal(new URL(page.url()).searchParams.get('text'), 'no such computer');
    await page.goto(`${system.origin}/repositories`);
    await page.getByRole('searchbox').fill('no such repository');
    await page.getByText('No repository is like that.').waitFor();
    await watched.checkAccessibility('no repository');
    await page.getByRole('link', { name: 'Without filters' }).click();
    await page.getByRole('table').getByText('backups', { exact: true }).waitFor();
    await page.goto(`${system.origin}/computers?role=agent`);
    await page.getByRole('table').getByRole('link').first().click();
    await page.getByRole('table', { name: 'Backups' }).getByText(source).waitFor();
    await watched.checkAccessibility('computer');
    await watched.checkNarrow('computer');
  });

  await t.test('another language', async () => {
    await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
    await page.getByRole('heading', { name: 'Sicherungen' }).waitFor();
    assert.equal(await page.evaluate('document.documentElement.lang'), 'de');
    await page.getByRole('combobox', { name: 'Sprache' }).selectOption('en');
    await page.getByRole('heading', { name: 'Backups' }).waitFor();
  });

  await t.test('the server is restarted under the page, which says so and goes on', async () => {
    await system.stopServer();
    await page.getByText('Reconnecting').waitFor();
    await page.getByRole('heading', { name: 'Backups' }).waitFor();
    await system.startServer();
    await page.getByText('Reconnecting').waitFor({ state: 'detached' });
  });

  await t.test('a session that expires asks to sign in again in place', async () => {
    const address = page.url();
    await system.expireSessions();
    // Nobody has to touch the page for that: what it listens to ends.
    const dialog = page.getByRole('dialog', { name: 'Sign in again' });
    await dialog.waitFor();
    await watched.checkAccessibility('sign in again');
    await dialog.getByRole('textbox', { name: 'Name' }).fill('alice');
    await dialog.getByRole('textbox', { name: 'Password' }).fill(password);
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal(page.url(), address);
    await page.getByRole('table', { name: 'Backups' }).getByText(source).waitFor();
  });

  await t.test(
    'markup out of text, other hosts and scripts in the page are refused, and this test would notice',
    async () => {
      const before = watched.complaints.length;
      const write = `document.body.insertAdjacentHTML('beforeend', '<b>written</b>')`;
      await assert.rejects(page.evaluate(write), /No text becomes markup/);
      await assert.rejects(page.evaluate(`document.createElement('script').textContent = 'alert()'`), /TrustedScript/);
      await assert.rejects(page.evaluate(`new Worker('https://elsewhere.test/worker.js')`), /No script is from/);
      await page.evaluate(`fetch('https://elsewhere.test/').catch(() => undefined)`);
      const noticed = watched.complaints.splice(before).join('\n');
      assert.match(noticed, /https:\/\/elsewhere\.test\/.*violates.*connect-src/);
    },
  );

  await t.test('signed out, the page is that of the sign-in', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await heading('Sign in').waitFor();
    await watched.checkAccessibility('sign-in');
    await watched.checkNarrow('sign-in');
  });

  await t.test('an account with a second factor is asked for it, and takes a recovery code instead', async () => {
    const recoveryCodes = await system.callAs('alice', password, async (client) => {
      const { id, secret } = await client.call('addTotp', { body: { currentPassword: password } });
      return (await client.call('confirmTotp', { params: { id }, body: { code: oneTimePassword(secret) } }))
        .recoveryCodes;
    });
    await page.getByRole('textbox', { name: 'Name' }).fill('alice');
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('textbox', { name: 'One-time password' }).fill('000000');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await watched.checkAccessibility('second factor');
    await page.getByRole('button', { name: 'Use a recovery code' }).click();
    await page.getByRole('textbox', { name: 'Recovery code' }).fill(recoveryCodes?.[0] ?? '');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('navigation').waitFor();
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});
