/** The network in the web console: Debian's Chromium, and a real server with the mover and agent of one computer. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { skipUnless } from '@holdfast/core/testing';
import { holdfastProgram } from '../lab/lab-needs.ts';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';

const password = 'a calm green harbour';
const commandLimitMs = 120_000;

test('the network: the map, an opening, a check, another topology, and rules to take away', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t);
  const watched = await WatchedPage.open(t, system.origin);
  const { page } = watched;
  const heading = (name: string) => page.getByRole('heading', { level: 1, name });
  await page.goto(system.setUpUrl);
  await page.getByRole('textbox', { name: 'Name' }).fill('alice');
  await page.getByRole('textbox', { name: 'Password', exact: true }).fill(password);
  await page.getByRole('textbox', { name: 'The password once more' }).fill(password);
  await page.getByRole('button', { name: 'Make the administrator' }).click();
  await page.getByRole('button', { name: 'Make the line for a computer' }).click();
  await system.runLine((await page.getByRole('region', { name: 'Line that joins the computer' }).textContent()) ?? '');
  await system.startComputer();
  await page.getByRole('list', { name: 'Computers that have joined' }).getByText('Online').nth(1).waitFor();
  // Everything runs on this one computer, between whose programs nothing has to be opened: the mover is told apart.
  setMoverApart(join(system.folder, 'server', 'catalogue.sqlite'));
  const topology = await system.call((client) => client.call('topology', {}));
  const map = await system.call((client) => client.call('networkMap', {}));
  assert.ok(map.flows.length > 0);
  const [ownHost] = map.nodes.flatMap(({ hosts }) => hosts.map(({ name }) => name));

  await t.test('the map has every host of the plan', async () => {
    await page.getByRole('navigation').getByRole('link', { name: 'Network' }).click();
    await heading('Network').waitFor();
    for (const { hosts } of map.nodes)
      await page
        .getByRole('button', { name: hosts[0]?.name ?? '' })
        .first()
        .waitFor();
    await watched.checkAccessibility('network');
    await watched.checkNarrow('network');
  });

  await t.test('an opening says why it is there', async () => {
    assert.ok(ownHost);
    await page.getByRole('button', { name: new RegExp(`^${ownHost} `) }).click();
    await page.getByRole('region', { name: ownHost, exact: true }).waitFor();
    await page
      .getByRole('button', { name: /^Between / })
      .first()
      .click();
    await page.getByRole('region', { name: / – / }).waitFor();
    await page.goto(`${system.origin}/network?view=table`);
    const table = page.getByRole('table', { name: 'Table' });
    await table.getByRole('link').first().waitFor();
    assert.equal(await table.getByRole('link').count(), map.flows.length);
    await table.getByRole('link').first().click();
    const details = page.getByRole('region', { name: 'Opening' });
    const [flow] = map.flows;
    for (const { purpose } of flow?.channels ?? []) await details.getByText(purpose, { exact: true }).waitFor();
    for (const row of flow?.rows ?? []) await details.getByText(row, { exact: true }).waitFor();
    await watched.checkAccessibility('opening');
    await watched.checkNarrow('opening');
    await details.getByRole('button', { name: 'Close' }).click();
  });

  await t.test('by feature, only what it needs is left', async () => {
    const [feature] = map.features;
    const needed = map.flows.filter(({ features }) => features.some(({ id }) => id === feature?.id));
    await page.getByRole('combobox', { name: 'Feature' }).selectOption(feature?.id ?? '');
    await page
      .getByRole('status')
      .getByText(new RegExp(`^${needed.length} opening`))
      .waitFor();
    assert.equal(new URL(page.url()).searchParams.get('feature'), feature?.id);
  });

  await t.test('a check is run and followed to its end', async () => {
    await page.goto(`${system.origin}/network`);
    const check = page.getByRole('region', { name: 'Check of the openings' });
    await check.getByRole('button', { name: 'Check all openings' }).click();
    await check.getByText(/could not be tried|is open|failed/).waitFor();
    const { checks } = await system.call((client) => client.call('portChecks', {}));
    assert.deepEqual(
      checks.map(({ state }) => state),
      ['finished'],
    );
    await page
      .getByRole('region', { name: 'What the computers have open' })
      .getByText(/Not looked at/)
      .waitFor();
  });

  await t.test('another topology: what would come, in a form and as text', async () => {
    await page.getByRole('link', { name: 'Try a change' }).click();
    await heading('Try a change').waitFor();
    await page.getByRole('heading', { name: '0 openings would come' }).waitFor();
    await page.getByRole('textbox', { name: 'Name of the host' }).fill('desk-9');
    await page.getByRole('textbox', { name: 'Addresses or prefixes' }).fill('10.77.0.9');
    await page.getByRole('button', { name: 'Add the host' }).click();
    const come = page.getByRole('table', { name: /^[1-9]\d* openings? would come$/ });
    await come.getByText('desk-9').first().waitFor();
    await page.getByRole('button', { name: /^desk-9/ }).waitFor();
    await watched.checkAccessibility('what if');
    await watched.checkNarrow('what if');
    await page.getByText('Text', { exact: true }).click();
    const text = page.getByRole('textbox', { name: 'Text' });
    assert.match(await text.inputValue(), /^ {2}desk-9:$/m);
    await text.fill((await text.inputValue()).replaceAll('desk-9', 'desk-10'));
    await come.getByText('desk-10').first().waitFor();
    await text.fill(`${await text.inputValue()}\nnonsense: true\n`);
    await page.getByRole('alert').waitFor();
  });

  await t.test('a rendering is the one of `holdfast ports plan`', async () => {
    await page.goto(`${system.origin}/network/rules`);
    await page.getByRole('combobox', { name: 'For what' }).selectOption('nftables');
    await page.getByRole('button', { name: 'Make the files' }).click();
    const files = page.getByRole('region', { name: 'Files', exact: true });
    const coming = page.waitForEvent('download');
    await files
      .getByRole('button', { name: /^Download/ })
      .first()
      .click();
    const downloaded = readFileSync(await (await coming).path(), 'utf8');
    await watched.checkAccessibility('rules');
    await watched.checkNarrow('rules');
    const folder = join(system.folder, 'rules');
    mkdirSync(folder);
    writeFileSync(join(system.folder, 'topology.json'), JSON.stringify(topology));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        ...holdfastProgram.slice(1),
        'ports',
        'plan',
        join(system.folder, 'topology.json'),
        '--format',
        'nftables',
        '--out',
        folder,
        '--accept-widening',
        '--json',
      ],
      { timeout: commandLimitMs },
    );
    const { files: written } = JSON.parse(stdout) as { files: readonly string[] };
    assert.equal(downloaded, readFileSync(join(folder, written[0] ?? ''), 'utf8'));
  });

  await t.test('in German', async () => {
    await page.goto(`${system.origin}/network`);
    await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
    await heading('Netzwerk').waitFor();
    await watched.checkAccessibility('Netzwerk');
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});

function setMoverApart(path: string): void {
  using database = new DatabaseSync(path, { timeout: commandLimitMs });
  const { changes } = database
    .prepare(`update "computers" set "hostname" = 'store', "address" = '10.88.0.2' where "role" = 'mover'`)
    .run();
  assert.equal(changes, 1);
}
