/** What several people change, what programs and other browsers may still do, and the console without a pointer: in Debian's Chromium. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import { AuditVerifier, auditRecord, localTenant, type RestClient } from '@holdfast/protocol';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';
import { Keyboard } from './keyboard.ts';

const password = 'a calm green harbour';
const params = { id: 'branch' };

test('nobody writes over what others changed; tokens and sessions are ended; the audit log is saved; Tab and Enter lead everywhere', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t);
  await system.addPerson('alice', 'administrator', password);
  await system.addPerson('bob', 'auditor', password);
  const watched = await WatchedPage.open(t, system.origin);
  const { page } = watched;
  const heading = (name: string) => page.getByRole('heading', { level: 1, name });
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const changed = page.getByRole('alert').getByText('Somebody else has changed this since you began.');
  const group = () => system.call((client) => client.call('group', { params }));
  const changeGroup = async (change: object): Promise<void> => {
    const { csvFile, enabled, exclusions, rescanAt } = await group();
    const body = { csvFile, enabled, exclusions, rescanAt, ...change };
    await system.call((client) => client.call('changeGroup', { params, body }));
  };
  await system.call((client) => client.call('createGroup', { body: { name: params.id } }));
  await page.goto(`${system.origin}/groups/${params.id}`);
  await page.getByRole('textbox', { name: 'Name' }).fill('alice');
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
  await button('Sign in').click();
  await heading(params.id).waitFor();

  await t.test('what somebody else has changed while a form was open stays, and so does what was written', async () => {
    const leftOut = page.getByRole('textbox', { name: 'Left out' });
    await leftOut.fill('printer-*');
    await changeGroup({ rescanAt: '03:00' });
    await button('Save').click();
    await changed.waitFor();
    await watched.checkAccessibility('a form that somebody else was quicker with');
    assert.equal(await leftOut.inputValue(), 'printer-*');
    const { exclusions, rescanAt } = await group();
    assert.deepEqual([exclusions, rescanAt], [[], '03:00']);

    await button('Drop mine and show what is there now').click();
    await changed.waitFor({ state: 'detached' });
    assert.equal(await leftOut.inputValue(), '');
    assert.equal(await page.getByLabel('Looked at daily at').inputValue(), '03:00');
    await leftOut.fill('printer-*');
    // What the server notes in it is no change of somebody else.
    await system.call((client) => client.call('rescanGroup', { params }));
    await button('Save').click();
    await page.getByRole('status').getByText('Saved.').waitFor();
    const both = await group();
    assert.deepEqual([both.exclusions, both.rescanAt], [['printer-*'], '03:00']);
  });

  await t.test('what somebody else has changed while one was asked whether to delete it is not deleted', async () => {
    const dialog = page.getByRole('dialog', { name: 'Delete branch?' });
    await page.getByRole('main').getByRole('button', { name: 'Delete', exact: true }).click();
    await changeGroup({ enabled: false });
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await dialog.getByText('Somebody else has changed this').waitFor();
    assert.equal((await group()).enabled, false);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('main').getByRole('button', { name: 'Delete', exact: true }).click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await heading('Groups').waitFor();
    await assert.rejects(group(), (error) => hasCode(error, 'request.missing'));
  });

  await t.test('an account that somebody else has changed stays as they left it', async () => {
    await page.goto(`${system.origin}/settings/people`);
    await button('bob').click();
    const dialog = page.getByRole('dialog', { name: 'bob' });
    const name = dialog.getByRole('textbox', { name: 'Name in full' });
    await name.fill('Robert');
    const bob = async () => {
      const { users } = await system.call((client) => client.call('users', {}));
      return users.find((user) => user.name === 'bob') ?? assert.fail('there is no bob');
    };
    const { id } = await bob();
    await system.call((client) => client.call('updateUser', { params: { id }, body: { role: 'restore-operator' } }));
    await dialog.getByRole('button', { name: 'Save' }).click();
    await changed.waitFor();
    assert.equal(await name.inputValue(), 'Robert');
    await dialog.getByRole('button', { name: 'Drop mine and show what is there now' }).click();
    await dialog.locator('option[value=restore-operator]:checked').waitFor({ state: 'attached' });
    await name.fill('Robert');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    const { role, displayName } = await bob();
    assert.deepEqual([role, displayName], ['restore-operator', 'Robert']);
  });

  await t.test('an API token is made, may do no more than was chosen, and is ended', async () => {
    await page.goto(`${system.origin}/settings`);
    await page.getByRole('textbox', { name: 'What it is for' }).fill('report');
    await page.getByRole('combobox', { name: 'May do at most' }).selectOption('auditor');
    await page.getByRole('textbox', { name: 'Good for days' }).fill('1');
    await button('Make a token').click();
    const shown = page.getByRole('region', { name: 'API token', exact: true });
    const token = (await shown.textContent()) ?? '';
    await watched.checkAccessibility('an API token');
    const count = (client: RestClient) => client.call('groups', {});
    await system.call(count, token);
    const make = (client: RestClient) => client.call('createGroup', { body: { name: 'more' } });
    await assert.rejects(system.call(make, token), (error) => hasCode(error, 'auth.forbidden'));

    const table = page.getByRole('table', { name: 'Sessions and API tokens' });
    await table.getByText('API token: report').waitFor();
    await button('End it: report').click();
    await table.getByText('API token: report').waitFor({ state: 'detached' });
    await assert.rejects(system.call(count, token), (error) => hasCode(error, 'auth.required'));
  });

  await t.test('a session elsewhere is seen and ended, and this one goes on', async () => {
    const signedIn = await system.call((client) => client.call('signIn', { body: { name: 'alice', password } }));
    const token = signedIn.state === 'signed-in' ? signedIn.token : assert.fail(signedIn.state);
    await page.reload();
    const table = page.getByRole('table', { name: 'Sessions and API tokens' });
    await table.getByText('Session: browser (this one)').waitFor();
    // The test's own are the one of above and the one in which alice chose her password.
    const others = table.getByRole('button', { name: /^End it: Session/ });
    for (let left = await others.count(); left > 0; left -= 1) {
      await others.first().click();
      await others.nth(left - 1).waitFor({ state: 'detached' });
    }
    const own = system.call((client) => client.call('account', {}), token);
    await assert.rejects(own, (error) => hasCode(error, 'auth.required'));
    await page.reload();
    await heading('Your account').waitFor();
  });

  await t.test('the audit log is saved as what can be verified without the server', async () => {
    await page.goto(`${system.origin}/settings/audit`);
    const saving = page.waitForEvent('download');
    await button('Save as a file').click();
    const file = await saving;
    assert.equal(file.suggestedFilename(), 'audit.jsonl');
    const chain = new AuditVerifier(localTenant);
    const records = readFileSync(await file.path(), 'utf8')
      .trimEnd()
      .split('\n');
    for (const line of records) chain.add(auditRecord.parse(JSON.parse(line)));
    assert.ok(records.some((line) => line.includes('"createApiToken"')));
    const { records: last } = await system.call((client) => client.call('audit', { query: { limit: 1 } }));
    assert.equal(chain.head.hash, last[0]?.hash);
  });

  await t.test('without a pointer: past the menu, through it, a dialog and back, and a table', async () => {
    const keyboard = new Keyboard(page);
    const go = (name: string) =>
      page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name });
    await page.goto(system.origin);
    await heading('Overview').waitFor();
    await keyboard.press(page.getByRole('link', { name: 'Skip to the content' }));
    await page.locator('main:focus').waitFor();
    await page.reload();
    await heading('Overview').waitFor();
    await keyboard.press(go('Groups'));
    await heading('Groups').waitFor();
    await page.locator('main:focus').waitFor();

    const add = button('Add a group');
    const dialog = page.getByRole('dialog', { name: 'Add a group' });
    await keyboard.press(add);
    await dialog.getByRole('textbox', { name: 'Name of the group' }).and(page.locator(':focus')).waitFor();
    await page.keyboard.press('Shift+Tab');
    // Who goes on and on stays in the dialog.
    for (let tabs = 0; tabs < 10; tabs += 1) {
      await page.keyboard.press('Tab');
      assert.equal(await dialog.locator(':focus').count(), 1, 'the focus is in the dialog');
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await add.and(page.locator(':focus')).waitFor();
    await keyboard.press(
      page.getByRole('table', { name: 'Groups' }).getByRole('link', { name: 'default', exact: true }),
    );
    await heading('default').waitFor();
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});
