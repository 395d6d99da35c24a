/**
 * `npm run screenshots` writes the pictures of docs/screenshots: the console of a server, mover and agent that really run, after a
 * backup and one that failed.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const folder = join(root, 'docs', 'screenshots');
const password = 'a calm green harbour';
/** Nobody wants to load more of a picture with a page of documentation. */
const maxBytes = 150_000;

await using stack = new AsyncDisposableStack();
const ending = { after: (work: () => unknown) => stack.defer(async () => void (await work())) };
const system = await ConsoleSystem.start(ending);
const { page } = await WatchedPage.open(ending, system.origin);
mkdirSync(folder, { recursive: true });

await page.goto(system.setUpUrl);
await page.getByRole('textbox', { name: 'Name' }).fill('alice');
await page.getByRole('textbox', { name: 'Password', exact: true }).fill(password);
await page.getByRole('textbox', { name: 'The password once more' }).fill(password);
await take('set-up');
await page.getByRole('button', { name: 'Make the administrator' }).click();
await page.getByRole('button', { name: 'Make the line for a computer' }).click();
const line = page.getByRole('region', { name: 'Line that joins the computer' });
await system.runLine((await line.textContent()) ?? '');
await system.startComputer();
await page.getByRole('list', { name: 'Computers that have joined' }).getByText('Online').nth(1).waitFor();
await take('get-started');

await page.getByRole('textbox', { name: 'Name', exact: true }).fill('backups');
await page.getByRole('button', { name: 'Add the repository' }).click();
await page.getByText('There already: backups').waitFor();
await page.getByRole('radio', { name: 'Some folders' }).check();
await page.getByRole('textbox', { name: 'Folders' }).fill('/usr/share/common-licenses');
await page.getByRole('button', { name: 'Protect, and back up now' }).click();
await page.getByRole('main').getByText('Succeeded').first().waitFor();
await page.getByRole('log').getByText('agent', { exact: true }).first().waitFor();
await take('session');
await fail();
for (const name of ['computers', 'jobs', 'sessions', 'repositories']) {
  await page.goto(`${system.origin}/${name}`);
  await page.getByRole('row').nth(1).waitFor();
  await take(name);
}
await page.goto(`${system.origin}/jobs`);
await page.getByRole('table').getByRole('link', { name: 'Daily backup' }).click();
await page
  .getByRole('table', { name: /Calendar/ })
  .getByText(/Succeeded/)
  .waitFor();
await page.getByRole('table', { name: /Calendar/ }).scrollIntoViewIfNeeded();
await take('job');
await page.goto(`${system.origin}/computers?role=agent`);
await page.getByRole('table').getByRole('link').first().click();
await page.getByRole('table', { name: 'Backups' }).getByRole('row').nth(1).waitFor();
await take('computer');
// The computers of the documentation: on this one alone there is nothing to open.
await page.goto(`${system.origin}/network/what-if`);
await page.getByRole('heading', { name: /openings would come/ }).waitFor();
await page.getByText('Text', { exact: true }).click();
const example = readFileSync(join(root, 'docs', 'examples', 'topology.yaml'), 'utf8');
await page.getByRole('textbox', { name: 'Text' }).fill(example);
// With the keyboard: labels of openings may lie over it.
await page.getByRole('button', { name: /^store-1 / }).press('Enter');
await page.getByRole('region', { name: 'store-1', exact: true }).waitFor();
await page.getByRole('application').scrollIntoViewIfNeeded();
await take('network');
await page.goto(`${system.origin}/network/proof`);
await page.getByRole('table').getByRole('button').first().click();
await take('network-proof');
await takeRestores();
await page.goto(system.origin);
await page.getByRole('heading', { name: 'Storage' }).waitFor();
await take('overview');
await page.emulateMedia({ colorScheme: 'dark' });
await take('overview-dark');
await page.setViewportSize({ width: 390, height: 844 });
await take('overview-phone');

/** A folder of a backup, what a restore of it would overwrite, and a token for a computer that is no more. */
async function takeRestores(): Promise<void> {
  const main = page.getByRole('main');
  for (let more = 0; more < 3; more += 1) await backUpAgain();
  await page.goto(`${system.origin}/restore`);
  await page.getByRole('combobox', { name: 'Computer' }).click();
  await page.getByRole('listbox').getByRole('option').first().click();
  await main.getByRole('button', { name: 'common-licenses', exact: true }).click();
  await main.getByText('Apache-2.0').waitFor();
  await take('restore');
  await page.setViewportSize({ width: 375, height: 812 });
  await take('restore-phone');
  await page.setViewportSize({ width: 1280, height: 800 });
  await main.getByRole('button', { name: 'Restore this folder …' }).click();
  const dialog = page.getByRole('dialog', { name: 'Restore' });
  const target = join(system.folder, 'restored');
  mkdirSync(target);
  for (const name of ['Apache-2.0', 'GPL-3']) writeFileSync(join(target, name), 'in the way');
  await dialog.getByRole('textbox', { name: 'Target folder' }).fill(target);
  await dialog.getByRole('combobox', { name: 'What is there already' }).selectOption('if-changed');
  await dialog.getByRole('button', { name: 'See what would happen' }).click();
  await dialog.getByText('would be overwritten').waitFor();
  await take('restore-look');
  const computer = new URL(page.url()).searchParams.get('computer') ?? '';
  await page.goto(`${system.origin}/recovery-tokens?computer=${computer}`);
  await page.getByRole('textbox', { name: 'Note' }).fill('the new disk');
  await page.getByRole('button', { name: 'Make the token' }).click();
  await page.getByRole('button', { name: 'Revoke the new disk' }).waitFor();
  await take('recovery-tokens');
}

/** The first job once more, so that there are some points in time. */
async function backUpAgain(): Promise<void> {
  await system.call(async (client) => {
    const { jobs } = await client.call('jobs', {});
    const id = jobs.find(({ name }) => name !== 'Photos')?.id ?? '';
    const session = await client.call('runJob', { params: { id }, body: {} });
    for await (const _ of client.events('sessionEvents', { params: { id: session.id } })) void _;
  });
}

/** A folder that is not there: what failed, and why, is what the overview is for. */
async function fail(): Promise<void> {
  await system.call(async (client) => {
    const { computers } = await client.call('computers', { query: { role: 'agent' } });
    const { repositories } = await client.call('repositories', {});
    const job = await client.call('createJob', {
      body: {
        name: 'Photos',
        computers: computers.map(({ id }) => id),
        scope: { kind: 'folders', paths: ['/srv/photos'] },
        target: { kind: 'shared', repositoryId: repositories[0]?.id ?? '' },
        retries: { count: 0 },
      },
    });
    const session = await client.call('runJob', { params: { id: job.id }, body: {} });
    for await (const _ of client.events('sessionEvents', { params: { id: session.id } })) void _;
  });
}

async function take(name: string): Promise<void> {
  await page.evaluate('document.activeElement.blur(); new Promise((done) => setTimeout(done, 400))');
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path });
  const { size } = statSync(path);
  if (size > maxBytes) throw new Error(`${path} has ${size} bytes; ${maxBytes} are allowed`);
  console.log(`${path}: ${Math.round(size / 1024)} KiB`);
}
