/** Restores with the web console: Debian's Chromium, and a real server, mover and agent. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';
import { oneTimePassword } from './one-time-password.ts';

const password = 'a calm green harbour';

test('what was backed up is found, compared, downloaded and restored', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t);
  const source = join(system.folder, 'documents');
  const letter = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 251));
  mkdirSync(join(source, 'letters'), { recursive: true });
  writeFileSync(join(source, 'letters', 'old [1].txt'), letter);
  writeFileSync(join(source, 'notes.txt'), 'first\n');
  await makePerson(system, { name: 'alice', role: 'administrator' });
  const { computerId, backUp } = await begin(system, source);
  await backUp();
  writeFileSync(join(source, 'notes.txt'), 'second\n');
  rmSync(join(source, 'letters', 'old [1].txt'));
  writeFileSync(join(source, 'letters', 'new.txt'), 'new\n');
  // In a browser that took it as it is: photoexe.jpg
  writeFileSync(join(source, 'letters', 'photo\u202Egpj.exe'), 'new\n');
  await backUp();

  const watched = await WatchedPage.open(t, system.origin);
  const { page } = watched;
  const main = page.getByRole('main');
  const points = page.getByRole('listbox', { name: 'Points in time' }).getByRole('option');
  const open = (name: string) => main.getByRole('button', { name, exact: true }).click();

  await t.test('a computer is picked, and its newest backup is open', async () => {
    await page.goto(`${system.origin}/restore`);
    await page.getByRole('textbox', { name: 'Name' }).fill('alice');
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Restore' }).waitFor();
    await page.getByText('Nothing has been restored yet.').waitFor();
    await page.getByRole('combobox', { name: 'Computer' }).click();
    await page.getByRole('listbox').getByRole('option').first().click();
    assert.equal(new URL(page.url()).searchParams.get('computer'), computerId);
    await open('documents');
    await open('letters');
    await main.getByText('new.txt').waitFor();
    await main.getByText(String.raw`photo\u{202e}gpj.exe`).waitFor();
    assert.equal(await points.count(), 2);
    const what = page.getByRole('group', { name: 'What you are looking at' });
    await what.getByText(hostname(), { exact: true }).waitFor();
    await what.getByText(/\d{1,2} [A-Z][a-z]+ 20\d\d, \d\d:\d\d/).waitFor();
    const label = (place: number) => points.nth(place).getAttribute('aria-label');
    assert.notEqual(await label(0), await label(1), 'points of the same minute');
    await what.getByText('backups', { exact: true }).waitFor();
    await watched.checkAccessibility('browse');
    await watched.checkNarrow('browse');
  });

  await t.test('with the keyboard a folder is opened, and Back leads to where somebody was', async () => {
    const crumbs = page.getByRole('navigation', { name: 'Where you are in the backup' });
    await page.goBack();
    await crumbs.locator('[aria-current]').getByText('documents').waitFor();
    await main.getByRole('button', { name: 'letters', exact: true }).focus();
    await page.keyboard.press('Enter');
    await main.getByText('new.txt').waitFor();
    assert.equal(await crumbs.locator(':focus').textContent(), 'letters');
    await page.keyboard.press('Tab');
    assert.equal(await page.locator(':focus').getAttribute('aria-label'), 'Choose new.txt');
  });

  await t.test('what an address names is shown, and never another backup in its place', async () => {
    const address = new URL(page.url());
    assert.match(
      address.searchParams.get('snapshot') ?? '',
      /^[0-9a-f]{64}$/,
      'the newest, which no newer one replaces',
    );
    // The day is over before the first backup was made: the timeline is empty.
    address.searchParams.set('to', '2020-01-31');
    await page.goto(address.href);
    await page.getByText('There is no backup of these days.').waitFor();
    await main.getByText('new.txt').waitFor();
    address.searchParams.set('snapshot', '0'.repeat(64));
    await page.goto(address.href);
    await page.getByText('The backup that this address names is there no more.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Restore this folder …' }).count(), 0);
    await page.getByRole('button', { name: 'Every day' }).click();
    await points.first().click();
    await main.getByText('new.txt').waitFor();
  });

  await t.test('the keyboard goes to the older point, where the same folder is shown as it was', async () => {
    await points.first().focus();
    await page.keyboard.press('ArrowRight');
    await main.getByText('old [1].txt').waitFor();
    assert.equal(await points.nth(1).getAttribute('aria-selected'), 'true');
  });

  await t.test('a file and a folder are downloaded', async () => {
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download old [1].txt' }).click(),
    ]);
    assert.equal(file.suggestedFilename(), 'old [1].txt');
    assert.ok(readFileSync(await file.path()).equals(letter));
    const [archive] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download this folder as a ZIP' }).click(),
    ]);
    assert.equal(archive.suggestedFilename(), 'letters.zip');
    const bytes = readFileSync(await archive.path());
    assert.equal(bytes.toString('latin1', 0, 2), 'PK');
    assert.ok(bytes.includes('letters/old [1].txt'));
  });

  await t.test('a name is searched for in all points, each version once', async () => {
    await page.getByRole('tab', { name: 'Search' }).click();
    await page.getByRole('searchbox', { name: 'Search by name' }).fill('NOTES');
    await page.getByText('2 versions found.').waitFor();
    await watched.checkAccessibility('search');
    await watched.checkNarrow('search');
    await page.getByRole('button', { name: 'Show the folder of notes.txt' }).last().click();
    await page.getByRole('navigation', { name: 'Where you are in the backup' }).locator(':focus').waitFor();
    assert.equal(await points.nth(1).getAttribute('aria-selected'), 'true');
  });

  await t.test('two points are compared', async () => {
    await page.getByRole('tab', { name: 'Compare' }).click();
    const other = page.getByRole('combobox', { name: 'Compare with' });
    await other.selectOption({ index: 1 });
    const changes = page.getByRole('table', { name: 'Changes' });
    await changes.getByText('Removed').waitFor();
    await changes.getByText('Other content').waitFor();
    await page.getByText('1 changed, 2 added').waitFor();
    await watched.checkAccessibility('compare');
    await watched.checkNarrow('compare');
    await page.getByRole('tab', { name: 'Browse' }).click();
    await open('letters');
  });

  const dialog = page.getByRole('dialog', { name: 'Restore' });
  const target = join(system.folder, 'restored');
  await t.test('conflicts are settled beforehand, and what is restored is what was backed up', async () => {
    mkdirSync(target);
    writeFileSync(join(target, 'old [1].txt'), 'in the way');
    writeFileSync(join(target, 'kept.txt'), 'stays');
    await page.getByRole('checkbox', { name: 'Choose old [1].txt' }).check();
    await page.getByRole('button', { name: 'Restore 1 entry …' }).click();
    await dialog.getByRole('textbox', { name: 'Target folder' }).fill(target);
    await dialog.getByRole('combobox', { name: 'What is there already' }).selectOption('if-changed');
    const now = dialog.getByRole('button', { name: 'Restore now' });
    assert.ok(await now.isDisabled(), 'nothing is overwritten that nobody has seen');
    await dialog.getByRole('button', { name: 'See what would happen' }).click();
    await dialog.getByText('1 entry would be overwritten').waitFor();
    await dialog.getByText('all backups in it are its own').waitFor();
    await watched.checkAccessibility('restore');
    await watched.checkNarrow('restore');
    assert.equal(readFileSync(join(target, 'old [1].txt'), 'utf8'), 'in the way');
    await now.click();
    await page.getByText('1 entry was overwritten').waitFor();
    await main.getByText('Succeeded').first().waitFor();
    await page.getByRole('group', { name: 'What you are looking at' }).getByText('backups', { exact: true }).waitFor();
    await watched.checkAccessibility('restored');
    await watched.checkNarrow('restored');
    assert.ok(readFileSync(join(target, 'old [1].txt')).equals(letter));
    assert.equal(readFileSync(join(target, 'kept.txt'), 'utf8'), 'stays');
  });

  const letters = join(source, 'letters');
  const newest = `${system.origin}/restore?computer=${computerId}&path=${encodeURIComponent(letters)}`;
  await t.test('what was spoiled since comes back to where it was', async () => {
    writeFileSync(join(letters, 'new.txt'), 'spoiled\n');
    await page.goto(newest);
    await page.getByRole('checkbox', { name: 'Choose new.txt' }).check();
    await page.getByRole('button', { name: 'Restore 1 entry …' }).click();
    await dialog.getByRole('radio', { name: 'where it was' }).check();
    await dialog.getByRole('button', { name: 'See what would happen' }).click();
    await dialog.getByText('1 entry would be overwritten').waitFor();
    await dialog.getByText(join(letters, 'new.txt'), { exact: true }).first().waitFor();
    await dialog.getByRole('button', { name: 'Restore now' }).click();
    await page.getByText('1 entry was overwritten').waitFor();
    assert.equal(readFileSync(join(letters, 'new.txt'), 'utf8'), 'new\n');
  });

  await t.test('another computer gets what is restored to it, and no key', async () => {
    await enrol(system, { role: 'agent', name: 'second' });
    await system.startAgent('second');
    await page.goto(newest);
    await page.getByRole('button', { name: 'Restore this folder …' }).click();
    await dialog.getByRole('radio', { name: 'another computer' }).check();
    await dialog.getByRole('combobox', { name: 'The other computer' }).click();
    // The connection breaks while it is looked at; both have the name of the computer that the test runs on.
    const oneComputer = /\/api\/v1\/computers\/[^/?]+$/;
    await page.route(oneComputer, (request) => request.abort());
    await page.getByRole('option', { name: `${hostname()} (127.0.0.1)` }).click();
    await dialog.getByRole('alert').getByText('The server does not answer.').waitFor();
    await page.unroute(oneComputer);
    await dialog.getByRole('button', { name: 'Try again' }).click();
    const there = join(system.folder, 'there');
    await dialog.getByRole('textbox', { name: 'Target folder' }).fill(there);
    await dialog.getByRole('button', { name: 'Restore now' }).click();
    await main.getByText('Succeeded').first().waitFor();
    await main.getByText('gets only what is restored, from the executor of the repository').waitFor();
    assert.deepEqual(readdirSync(there).sort(), readdirSync(letters).sort());
    await page.goto(`${system.origin}/restore`);
    await page.getByRole('table', { name: 'Latest restores' }).getByRole('row').nth(3).waitFor();
    await watched.checkAccessibility('latest restores');
    await watched.checkNarrow('latest restores');
  });

  await t.test('a recovery token asks for a fresh second factor, is shown once, and is revoked', async () => {
    const secret = await system.callAs('alice', password, async (client) => {
      const { id, secret: made } = await client.call('addTotp', { body: { currentPassword: password } });
      // That of the half minute before, so that the present one is still good for the question that follows.
      await client.call('confirmTotp', { params: { id }, body: { code: oneTimePassword(made, -1) } });
      return made;
    });
    await page.goto(`${system.origin}/recovery-tokens?computer=${computerId}`);
    await page.getByRole('textbox', { name: 'Note' }).fill('the new disk');
    await page.getByRole('button', { name: 'Make the token' }).click();
    const confirm = page.getByRole('dialog', { name: 'Confirm that it is you' });
    await confirm.getByRole('textbox', { name: 'One-time password' }).waitFor();
    await watched.checkAccessibility('confirm');
    await page.keyboard.type(oneTimePassword(secret));
    await page.keyboard.press('Enter');
    const text = await page.getByRole('region', { name: 'Token', exact: true }).textContent();
    assert.match(text ?? '', /^[A-Za-z0-9]{4}(-[A-Za-z0-9]{4})+$/);
    const row = page.getByRole('row').filter({ hasText: 'the new disk' });
    await row.waitFor();
    await watched.checkAccessibility('recovery tokens');
    await watched.checkNarrow('recovery tokens');
    await page.getByRole('button', { name: 'I have kept it' }).click();
    assert.equal(await page.getByText(text ?? '').count(), 0);
    await row.getByRole('button', { name: 'Revoke the new disk' }).click();
    await row.waitFor({ state: 'detached' });
    const { tokens } = await system.call((client) => client.call('recoveryTokens', {}));
    assert.deepEqual(tokens, []);
  });

  await t.test('who may not restore is told so, in words', async () => {
    await makePerson(system, { name: 'olga', role: 'backup-operator' });
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('olga');
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('navigation').waitFor();
    await page.goto(`${system.origin}/restore?computer=${computerId}`);
    await page.getByRole('heading', { name: 'Your account may not see this page' }).waitFor();
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});

/** A computer that has joined, a repository, and a job for a folder. */
async function begin(
  system: ConsoleSystem,
  source: string,
): Promise<{ readonly computerId: string; readonly backUp: () => Promise<void> }> {
  for (const role of ['mover', 'agent'] as const) await enrol(system, { role, name: role });
  await system.startComputer();
  const { computerId, jobId } = await system.call(async (client) => {
    const [{ id: moverId } = { id: '' }] = await client.list('computers', { query: { role: 'mover' } });
    const [{ id: agentId } = { id: '' }] = await client.list('computers', { query: { role: 'agent' } });
    const { id: repositoryId } = await client.call('createRepository', { body: { name: 'backups', moverId } });
    const { id } = await client.call('createJob', {
      body: {
        name: 'Documents',
        computers: [agentId],
        scope: { kind: 'folders', paths: [source] },
        target: { kind: 'shared', repositoryId },
      },
    });
    return { computerId: agentId, jobId: id };
  });
  const backUp = (): Promise<void> =>
    system.call(async (client) => {
      const session = await client.call('runJob', { params: { id: jobId }, body: {} });
      let state = '';
      for await (const event of client.events('sessionEvents', { params: { id: session.id } })) state = event.state;
      assert.equal(state, 'succeeded');
    });
  return { computerId, backUp };
}

/** Has a role join, with a data directory of that name. */
async function enrol(
  system: ConsoleSystem,
  { role, name }: { readonly role: 'mover' | 'agent'; readonly name: string },
): Promise<void> {
  const { token, caFingerprint } = await system.call((client) => client.call('createToken', { body: { role } }));
  const server = `${new URL(system.origin).hostname}:${system.agentPort}`;
  const data = join(system.folder, name);
  await system.runLine(
    `printf %s ${token} | holdfast enroll --role ${role} --data '${data}' --server ${server} --ca-fingerprint ${caFingerprint} --token-file -`,
  );
}

/** An account whose password is its own. */
async function makePerson(
  system: ConsoleSystem,
  { name, role }: { readonly name: string; readonly role: 'administrator' | 'backup-operator' },
): Promise<void> {
  const given = 'chosen by somebody else';
  await system.call((client) => client.call('createUser', { body: { name, password: given, role } }));
  await system.callAs(name, given, (client) =>
    client.call('changePassword', { body: { currentPassword: given, newPassword: password } }),
  );
}
