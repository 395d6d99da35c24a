/** The control panel of one computer: Debian's Chromium on it, and a real agent, mover and server, which is away for a while. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { skipUnless } from '@holdfast/core/testing';
import { createWire, httpClient } from '@holdfast/wire';
import { holdfastProgram } from '../lab/lab-needs.ts';
import { waitUntil } from '../system/one-computer.ts';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';

/** An agent whose server was away for minutes waits up to one before it calls again. */
const reconnectLimitMs = 180_000;
const noId = '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11';

test('who may read the data directory opens the panel, backs up and restores with and without the server, and nobody else does', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t);
  const source = join(system.folder, 'documents');
  mkdirSync(source);
  writeFileSync(join(source, 'letter [1].txt'), 'kept\n');
  await system.joinComputer();
  await system.startComputer();
  const { url, port } = await panelLink(system.folder);
  const origin = `http://127.0.0.1:${port}`;
  assert.ok(url.startsWith(`${origin}/#link=`));
  const watched = await WatchedPage.open(t, origin);
  const { page } = watched;
  const task = (name: string) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name }) });

  await t.test('a link that is wrong, another name, another origin and another method get nothing', async () => {
    const link = new URL(url).hash.slice('#link='.length);
    const last = link.at(-1) === 'A' ? 'B' : 'A';
    const own = headersOf(port);
    const signIn = (body: unknown, headers = own) => request(port, 'POST', '/api/sign-in', { headers, body });
    const refused = [
      ['request.invalid', await signIn({})],
      ['panel.link', await signIn({ link: `${link.slice(0, -1)}${last}` })],
      ['panel.link', await signIn({ link: `z${link}` })],
      ['auth.origin', await signIn({ link }, { ...own, origin: 'https://evil.example' })],
      ['auth.origin', await signIn({ link }, { ...own, origin: `http://localhost:${port}` })],
      ['auth.origin', await signIn({ link }, { ...own, 'sec-fetch-site': 'same-site' })],
      ['auth.origin', await signIn({ link }, { ...own, 'content-type': 'text/plain' })],
      ['auth.origin', await signIn({ link }, { ...own, 'x-holdfast-request': '' })],
      ['auth.origin', await signIn({ link }, { ...own, host: `evil.example:${port}` })],
      ['auth.origin', await request(port, 'GET', '/', { headers: { host: `rebound.example:${port}` } })],
      ['auth.origin', await request(port, 'GET', '/api/state', { headers: own })],
      ['auth.required', await request(port, 'POST', '/api/state', { headers: own, body: {} })],
      ['auth.required', await request(port, 'POST', '/api/run', { headers: own, body: { policyId: noId } })],
      ['auth.required', await request(port, 'POST', '/api/read', { headers: own, body: { policyId: noId } })],
      ['auth.required', await request(port, 'GET', `/download/${'A'.repeat(43)}`, { headers: own })],
      ['auth.required', await request(port, 'POST', '/api/nothing', { headers: own, body: {} })],
    ] as const;
    assert.deepEqual(
      refused.map(([, { code }]) => code),
      refused.map(([expected]) => expected),
    );
    assert.ok(refused.every(([, { status, cookie }]) => status >= 400 && cookie === undefined));
  });

  await t.test('the link opens it once', async () => {
    await page.goto(url);
    await page.getByRole('heading', { level: 1, name: hostname() }).waitFor();
    assert.equal(new URL(page.url()).hash, '', 'the secret is no longer in the address');
    const [cookie, ...others] = await watched.context.cookies();
    assert.deepEqual([cookie?.httpOnly, cookie?.sameSite, others], [true, 'Strict', []]);
    await page.getByText('No policy was handed to this computer.').waitFor();
    await page.getByText('Online').waitFor();
    await watched.checkAccessibility('state');

    const key = await page.evaluate<string>("localStorage.getItem('holdfast-panel')");
    const half = { cookie: `${cookie?.name}=${cookie?.value}` };
    const both = { ...half, 'x-holdfast-panel': key };
    const state = (headers: Record<string, string>) =>
      request(port, 'POST', '/api/state', { headers: { ...headersOf(port), ...headers }, body: {} });
    assert.deepEqual(
      [(await state(half)).code, (await state({ 'x-holdfast-panel': key })).code, (await state(both)).status],
      ['auth.required', 'auth.required', 200],
    );
    const other = await WatchedPage.open(t, origin);
    await other.page.goto(url);
    await other.page.getByRole('alert').getByText('panel.link').waitFor();
    await other.page.getByText('sudo holdfast panel').waitFor();
    await other.checkAccessibility('closed');
    await other.checkNarrow('closed');
    assert.deepEqual(other.complaints, []);
  });

  await t.test('a policy that is handed to the computer is run now', async () => {
    await system.call(async (client) => {
      const { computers } = await client.call('computers', {});
      const idOf = (role: string): string => computers.find((one) => one.role === role)?.id ?? assert.fail(role);
      await client.call('createPolicy', {
        body: {
          name: 'homes',
          computers: [idOf('agent')],
          scope: { kind: 'folders', paths: [source] },
          target: { kind: 'own', moverId: idOf('mover') },
          schedule: { kind: 'monthly', on: { day: 1 }, at: '03:00' },
        },
      });
    });
    await page.getByRole('button', { name: 'Run now: homes' }).click();
    await task('Backup: homes').getByText('Succeeded').waitFor();
    await task('Backup: homes').getByText('1 file, 5 B').waitFor();
    await watched.checkAccessibility('policies and tasks');
    await watched.checkNarrow('policies and tasks');
  });

  await t.test('without the server it goes on', async () => {
    await system.stopServer();
    await page.getByText('Offline').waitFor();
    await page.getByText('Policies run without it').waitFor();
    writeFileSync(join(source, 'note.txt'), 'new\n');
    await page.getByRole('button', { name: 'Run now: homes' }).click();
    await task('Backup: homes').nth(1).getByText('Succeeded').waitFor();
  });

  await t.test('a name is looked for in all backups, and two of them are compared', async () => {
    await page.getByRole('link', { name: 'Backups of homes' }).click();
    const points = page.getByRole('table', { name: 'Backups' }).getByRole('link');
    await points.nth(1).waitFor();
    await points.nth(1).click();
    await page.getByRole('button', { name: 'documents', exact: true }).waitFor();
    const older = page.url();
    await page.getByRole('tab', { name: 'Search' }).click();
    await page.getByRole('searchbox').fill('NOTE');
    const found = page.getByRole('table', { name: 'Found' });
    await found.getByText('note.txt').waitFor();
    assert.equal(await found.getByRole('row').count(), 2, 'a head, and the one file');
    await watched.checkAccessibility('search');
    await watched.checkNarrow('search');
    await found.getByRole('button', { name: 'Restore note.txt' }).click();
    assert.ok(await page.getByRole('checkbox', { name: 'Choose note.txt' }).isChecked());
    assert.ok(!page.url().startsWith(older), 'it is in the newer backup alone');
    await page.goBack();
    await found.getByText('note.txt').waitFor();
    const saved = page.waitForEvent('download');
    await found.getByRole('button', { name: 'Download note.txt' }).click();
    const file = await saved;
    assert.deepEqual([file.suggestedFilename(), readFileSync(await file.path(), 'utf8')], ['note.txt', 'new\n']);
    const used = await page.request.get(file.url(), { headers: { 'sec-fetch-site': 'same-origin' } });
    assert.equal(used.status(), 401, 'a download is good once');

    await page.getByRole('tab', { name: 'Compare' }).click();
    await page.getByRole('combobox', { name: 'Compare with' }).selectOption({ index: 1 });
    const changes = page.getByRole('table', { name: 'Changes' });
    await changes.getByText('note.txt').waitFor();
    await changes.getByText('Added').waitFor();
    await watched.checkAccessibility('compare');
    await watched.checkNarrow('compare');
    await page.getByRole('link', { name: 'Back' }).click();
  });

  await t.test('a backup is looked into, and restored, to a folder and to where it was', async () => {
    await page.getByRole('link', { name: 'Backups of homes' }).click();
    const points = page.getByRole('table', { name: 'Backups' }).getByRole('link');
    await points.nth(1).waitFor();
    assert.equal(await points.count(), 2);
    await points.first().click();
    const zipped = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download documents as a ZIP' }).click();
    const zip = await zipped;
    assert.equal(zip.suggestedFilename(), 'documents.zip');
    const bytes = readFileSync(await zip.path());
    assert.equal(bytes.toString('latin1', 0, 2), 'PK');
    assert.ok(bytes.includes('documents/letter [1].txt'));
    await page.getByRole('button', { name: 'documents', exact: true }).click();
    await page.getByRole('checkbox', { name: 'Choose letter [1].txt' }).check();
    await watched.checkAccessibility('browse and restore');
    await watched.checkNarrow('browse and restore');

    const restored = join(system.folder, 'restored');
    const ours = page.getByRole('list', { name: 'This restore' });
    await page.getByRole('textbox', { name: 'Target folder' }).fill(restored);
    await page.getByRole('button', { name: 'See what would happen' }).click();
    await ours.getByText('would be restored').waitFor();
    assert.ok(!existsSync(join(restored, 'letter [1].txt')));
    await page.getByRole('button', { name: 'Restore', exact: true }).click();
    await ours.getByText(`1 file, 5 B, restored to ${restored}`).waitFor();
    assert.equal(readFileSync(join(restored, 'letter [1].txt'), 'utf8'), 'kept\n');
    await page.getByRole('button', { name: 'Restore', exact: true }).click();
    await ours.getByText('restore.target').waitFor();

    rmSync(join(source, 'letter [1].txt'));
    await page.getByRole('radio', { name: 'where it was' }).check();
    await page.getByRole('button', { name: 'Restore', exact: true }).click();
    await ours.getByText('restored to /').waitFor();
    assert.equal(readFileSync(join(source, 'letter [1].txt'), 'utf8'), 'kept\n');
    await page.getByRole('link', { name: 'Back' }).click();
    await task('Restore: asked for here').first().waitFor();
  });

  await t.test('the server hears of the runs when it is back', async () => {
    await system.startServer();
    await page.getByText('Online').waitFor({ timeout: reconnectLimitMs });
    await waitUntil('both runs are told', async () => {
      const { sessions } = await system.call((client) => client.call('sessions', {}));
      const backups = sessions.filter(({ kind }) => kind === 'backup');
      return backups.length === 2 && backups.every(({ state }) => state === 'succeeded');
    });
  });

  await t.test('another language, and out', async () => {
    await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
    await page.getByRole('heading', { name: 'Richtlinien' }).waitFor();
    await page.getByRole('button', { name: 'Abmelden' }).click();
    await page.getByText('sudo holdfast panel').waitFor();
    await page.reload();
    await page.getByText('sudo holdfast panel').waitFor();
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});

/** As its administrator asks for it on the computer. */
async function panelLink(folder: string): Promise<{ url: string; port: number }> {
  const [node, main] = holdfastProgram;
  const env = { ...process.env, HOLDFAST_DATA: folder };
  const { stdout } = await promisify(execFile)(node, [main, 'panel', '--json'], { env });
  return JSON.parse(stdout) as { url: string; port: number };
}

/** What the panel's own page sends. */
function headersOf(port: number): Record<string, string> {
  return {
    host: `127.0.0.1:${port}`,
    origin: `http://127.0.0.1:${port}`,
    'content-type': 'application/json',
    'x-holdfast-request': 'person',
  };
}

/** As a program on the same computer would, which may say what it likes. */
async function request(
  port: number,
  method: 'GET' | 'POST',
  path: string,
  { headers, body }: { headers: Record<string, string>; body?: unknown },
): Promise<{ status: number; code: string | undefined; cookie: unknown }> {
  await using wire = createWire({ role: 'agent-linux', bind: '127.0.0.1' });
  await using http = httpClient({
    connect: (signal) => wire.dialOutside('agent-control-panel', '127.0.0.1', { port, signal }),
  });
  const response = await http.request({ method, path, headers, body: JSON.stringify(body) });
  const { code } = (await response.json()) as { code?: string };
  return { status: response.status, code, cookie: response.headers['set-cookie'] };
}
