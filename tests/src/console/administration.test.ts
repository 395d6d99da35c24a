/** Jobs, groups and the settings of the console, in Debian's Chromium with a real server, mover and agent. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isHoldfastError } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import type { ComputerDetail, PersonRole, Repository, RestClient } from '@holdfast/protocol';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';

const password = 'a calm green harbour';

test('jobs are planned and run, people and approvals are looked after, and each role is offered what it may do', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t);
  await system.joinComputer();
  await system.startComputer();
  const watched = await WatchedPage.open(t, system.origin);
  const { page } = watched;
  const heading = (name: string) => page.getByRole('heading', { level: 1, name });
  const go = (name: string) => page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name });
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const source = join(system.folder, 'documents');
  mkdirSync(source);
  writeFileSync(join(source, 'letter'), 'kept\n');
  const signIn = async (name: string): Promise<void> => {
    await page.getByRole('textbox', { name: 'Name' }).fill(name);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await button('Sign in').click();
    await go('Jobs').waitFor();
  };
  await system.addPerson('alice', 'administrator', password);
  await page.goto(system.origin);
  await signIn('alice');

  await t.test('a job is made step by step, each checked by the server, and run', async () => {
    await go('Jobs').click();
    await page.getByRole('link', { name: 'Add a job' }).click();
    await page.getByRole('textbox', { name: 'Name of the job' }).fill('Documents');
    await button('Continue').click();
    await page.getByRole('alert').getByText('A job needs computers or groups.').waitFor();
    await page.getByRole('group', { name: 'Computers', exact: true }).getByRole('checkbox').check();
    await page.getByRole('radio', { name: 'Some folders' }).check();
    await page.getByRole('textbox', { name: 'Folders' }).fill(source);
    await watched.checkAccessibility('wizard: what');
    await watched.checkNarrow('wizard');
    await button('Continue').click();
    await page.getByRole('radio', { name: /a repository of its own each/ }).check();
    await watched.checkAccessibility('wizard: where to');
    await button('Continue').click();
    await page.getByRole('combobox', { name: 'Schedule' }).selectOption('cron');
    await page.getByRole('textbox', { name: 'Cron expression' }).fill('61 21 * * *');
    await button('Continue').click();
    await page
      .getByRole('alert')
      .getByText(/no cron expression/)
      .waitFor();
    await page.getByRole('textbox', { name: 'Cron expression' }).fill('30 21 * * *');
    await page.getByText('It is due next').waitFor();
    await watched.checkAccessibility('wizard: when');
    await button('Continue').click();
    await page.getByRole('combobox', { name: 'Keep backups' }).selectOption('days');
    await page.getByRole('textbox', { name: 'Days' }).fill('90');
    await watched.checkAccessibility('wizard: how');
    await button('Continue').click();
    await page.getByText('1 computer', { exact: true }).waitFor();
    await watched.checkAccessibility('wizard: summary');
    await button('Make it and run it now').click();
    await heading('Documents').waitFor();
    await page.getByText('1 file,').waitFor();
    const { jobs } = await system.call((client) => client.call('jobs', {}));
    assert.deepEqual(jobs[0]?.retention, { keep: { by: 'days', days: 90 } });
    assert.deepEqual(jobs[0]?.schedule, { kind: 'cron', expression: '30 21 * * *' });
  });

  await t.test('its page shows the month with what ran and what is due; a change is kept', async () => {
    await go('Jobs').click();
    await page.getByRole('table', { name: 'Jobs' }).getByRole('link', { name: 'Documents' }).click();
    await page
      .getByRole('table', { name: /Calendar/ })
      .getByText(/Succeeded/)
      .waitFor();
    await watched.checkAccessibility('job');
    await watched.checkNarrow('job');
    const [job = assert.fail('there is no job')] = (await system.call((client) => client.call('jobs', {}))).jobs;
    const params = { id: job.id };
    const planChange = async (): Promise<void> => {
      await page.getByRole('textbox', { name: 'Name of the job' }).fill('Letters');
      for (const next of ['Where to', 'When', 'How', 'Summary']) {
        await button('Continue').click();
        await page.getByRole('heading', { level: 2, name: next }).waitFor();
      }
    };
    await page.getByRole('link', { name: 'Change' }).click();
    await planChange();
    const { id: _id, createdAt: _at, changedAt: _changed, nextRunAt: _next, lastSession: _last, ...settings } = job;
    await system.call((client) => client.call('changeJob', { params, body: { ...settings, missed: 'skip' } }));
    await button('Save the changes').click();
    await page.getByRole('alert').getByText('Somebody else has changed this').waitFor();
    await button('Drop mine and show what is there now').click();
    await planChange();
    // A run is no change of the job: its page lies open for hours.
    await system.call((client) => client.call('runJob', { params, body: {} }));
    await button('Save the changes').click();
    await heading('Letters').waitFor();
    const { missed } = await system.call((client) => client.call('job', { params }));
    assert.equal(missed, 'skip');
  });

  await t.test('a group is made, and a join token for it', async () => {
    await go('Groups').click();
    await button('Add a group').click();
    await page.getByRole('textbox', { name: 'Name of the group' }).fill('branch');
    await button('Make the group').click();
    await heading('branch').waitFor();
    await button('Make a join token').click();
    await page.getByRole('region', { name: 'Join token', exact: true }).waitFor();
    await page.getByRole('table', { name: 'Join tokens' }).waitFor();
    await watched.checkAccessibility('group');
    await watched.checkNarrow('group');
    const { tokens } = await system.call((client) => client.call('tokens', {}));
    assert.deepEqual(
      tokens.map(({ group }) => group),
      ['branch'],
    );
  });

  await t.test('a policy is planned in the same steps, of computers that are in no job', async () => {
    await go('Policies').click();
    await page.getByRole('link', { name: 'Add a policy' }).click();
    await page.getByRole('textbox', { name: 'Name of the policy' }).fill('On the road');
    await page.getByRole('group', { name: 'Computers', exact: true }).getByRole('checkbox').check();
    await page.getByRole('radio', { name: 'Some folders' }).check();
    await page.getByRole('textbox', { name: 'Folders' }).fill(source);
    await button('Continue').click();
    await page
      .getByRole('alert')
      .getByText(/is in job Letters/)
      .waitFor();
    await page.getByRole('group', { name: 'Computers', exact: true }).getByRole('checkbox').uncheck();
    await page.getByRole('group', { name: 'Whole groups' }).getByRole('checkbox', { name: 'branch' }).check();
    await button('Continue').click();
    await page.getByRole('radio', { name: /a repository of its own each/ }).check();
    for (const next of ['When', 'How', 'Summary']) {
      await button('Continue').click();
      await page.getByRole('heading', { level: 2, name: next }).waitFor();
    }
    // It is made, and the connection breaks before it is run.
    const start = /\/policies\/[^/]+\/run$/;
    await page.route(start, (request) => request.abort());
    await button('Make it and run it now').click();
    await page.getByText('It was made, but it could not be started.').waitFor();
    await page.getByRole('alert').getByText('The server does not answer.').waitFor();
    await watched.checkAccessibility('a policy that was not run');
    await page.unroute(start);
    await button('Open On the road').click();
    await heading('On the road').waitFor();
    await page.getByText('Reconnecting').waitFor({ state: 'detached' });
    await page.getByRole('table', { name: 'Its computers' }).waitFor();
    await watched.checkAccessibility('policy');
    await watched.checkNarrow('policy');
    const { policies } = await system.call((client) => client.call('policies', {}));
    assert.deepEqual(
      policies.map(({ name, scope }) => [name, scope]),
      [['On the road', { kind: 'folders', paths: [source] }]],
    );
  });

  await t.test('the settings: account, people, notifications, audit', async () => {
    await go('Settings').click();
    await heading('Your account').waitFor();
    await page.getByLabel('Your password').fill(password);
    await button('Add one-time passwords').click();
    await page.getByRole('img', { name: /Picture of the secret/ }).waitFor();
    await watched.checkAccessibility('account');
    await watched.checkNarrow('account');
    await button('Cancel').click();
    const tabs = page.getByRole('navigation', { name: 'Pages of the settings' });
    await tabs.getByRole('link', { name: 'People' }).click();
    await page.getByRole('table', { name: 'People' }).getByText('alice').waitFor();
    await watched.checkAccessibility('people');
    await watched.checkNarrow('people');
    await tabs.getByRole('link', { name: 'Notifications' }).click();
    await heading('Notifications').waitFor();
    await button('Add a destination').first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('combobox', { name: 'Kind' }).selectOption('syslog');
    await dialog.getByRole('textbox', { name: 'Name of the destination' }).fill('log');
    await dialog.getByRole('textbox', { name: 'Server' }).fill('127.0.0.1');
    await dialog.getByRole('button', { name: 'Add a destination' }).click();
    await page.getByRole('table', { name: 'Destinations' }).getByText('Syslog').waitFor();
    await watched.checkAccessibility('notifications');
    await tabs.getByRole('link', { name: 'Certificates' }).click();
    const own = page.getByRole('table', { name: 'The installation’s own' });
    await own.getByText('This server').waitFor();
    await page.getByRole('table', { name: 'Of computers' }).getByText('Agent').waitFor();
    await watched.checkAccessibility('certificates');
    await watched.checkNarrow('certificates');
    await tabs.getByRole('link', { name: 'Audit log' }).click();
    await button('Verify now').click();
    await page.getByText(/The chain is whole/).waitFor();
    await watched.checkAccessibility('audit');
    await watched.checkNarrow('audit');
  });

  const people: readonly { readonly name: string; readonly role: PersonRole; readonly groups?: string[] }[] = [
    { name: 'backup-operator', role: 'backup-operator' },
    { name: 'restore-operator', role: 'restore-operator' },
    { name: 'auditor', role: 'auditor' },
    { name: 'confined', role: 'administrator', groups: ['default'] },
  ];
  for (const { name, role, groups } of people)
    await t.test(`what is shown to ${name} is what the REST API allows`, async () => {
      await system.addPerson(name, role, password, groups);
      await button('Sign out').click();
      await heading('Sign in').waitFor();
      await signIn(name);
      const { jobs, computers, repositories } = await system.call(async (client) => ({
        ...(await client.call('jobs', {})),
        ...(await client.call('repositories', {})),
        ...(await client.call('computers', { query: { role: 'agent' } })),
      }));
      const offers = offersOf({ job: jobs[0]?.id ?? '', computer: computers[0], repository: repositories[0] });
      const allowed = await system.callAs(name, password, (client) =>
        Promise.all(offers.map(({ ask }) => isAllowed(ask(client)))),
      );
      assert.ok(allowed.includes(true) && allowed.includes(false), 'some of it is allowed');
      let path = '';
      for (const [at, offer] of offers.entries()) {
        // As a page does that was open while the role was another one.
        if (offer.on !== path) await page.evaluate(`history.pushState({}, '', '${offer.on}')`);
        path = offer.on;
        if (offer.shown === 'page') {
          await heading(allowed[at] ? offer.name : 'Your account may not see this page').waitFor();
          assert.equal(await page.getByRole('main').getByRole('alert').count(), 0, `no error on ${offer.on}`);
        } else {
          const shown = page.getByRole('main').getByRole(offer.shown, { name: offer.name, exact: true });
          if (allowed[at]) await shown.waitFor();
          assert.equal(await shown.count(), Number(allowed[at]), `${offer.name} on ${offer.on}`);
        }
        if (offer.link !== undefined) assert.equal(await go(offer.link).count(), Number(allowed[at]), offer.link);
      }
      await page.goto(`${system.origin}/settings/people`);
      await heading('Your account may not see this page').waitFor();
      await watched.checkAccessibility('a page that is not for the account');
      if (!groups) return;
      await page.goto(`${system.origin}/groups/branch`);
      await heading('There is no such thing here').waitFor();
    });

  await t.test('what one administrator asks for waits for another, who agrees', async () => {
    await button('Sign out').click();
    await heading('Sign in').waitFor();
    await signIn('alice');
    await go('Settings').click();
    await system.addPerson('bob', 'administrator', password);
    await page.getByRole('link', { name: 'People' }).click();
    await button('Add a person').click();
    const dialog = page.getByRole('dialog', { name: 'Add a person' });
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('carol');
    await dialog.getByRole('combobox', { name: 'Role' }).selectOption('administrator');
    await dialog.getByLabel('First password').fill('the first of two passwords');
    await watched.checkAccessibility('a new person');
    await dialog.getByRole('button', { name: 'Make the account' }).click();
    await dialog.getByText('Another administrator has to agree first; it waits for them.').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('link', { name: 'Approvals' }).click();
    await button('Withdraw').waitFor();
    assert.equal(await button('Approve').count(), 0, 'nobody agrees to what they asked for themselves');
    await button('Sign out').click();
    await heading('Sign in').waitFor();
    await signIn('bob');
    await go('Overview').click();
    await page.getByRole('link', { name: '1 Waiting for approval', exact: true }).click();
    await button('Approve').waitFor();
    await watched.checkAccessibility('approvals');
    await button('Approve').click();
    await page.getByText('Nothing waits for a second administrator.').waitFor();
    const { users } = await system.call((client) => client.call('users', {}));
    assert.equal(users.find(({ name }) => name === 'carol')?.role, 'administrator');
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});

/** Of which there is none. */
const noBackup = { repositoryId: '00000000-0000-4000-8000-000000000000', snapshotId: 'ab'.repeat(32) };

/** A page or a part of one, and a request that needs the same right and changes nothing. */
interface Offer {
  readonly on: string;
  readonly shown: 'page' | 'button' | 'link';
  /** The heading of the page, or what is on the button or link. */
  readonly name: string;
  /** In the navigation. */
  readonly link?: string;
  readonly ask: (client: RestClient) => Promise<unknown>;
}

function offersOf(there: {
  readonly job: string;
  readonly computer: ComputerDetail | undefined;
  readonly repository: Repository | undefined;
}): readonly Offer[] {
  const params = { id: '00000000-0000-4000-8000-000000000000' };
  const job = `/jobs/${there.job}`;
  const { id = '', hostname = '' } = there.computer ?? {};
  const computer = `/computers/${id}`;
  const repository = `/repositories/${there.repository?.id ?? ''}`;
  return [
    { on: '/', shown: 'page', name: 'Overview', link: 'Overview', ask: (client) => client.call('overview', {}) },
    { on: '/jobs', shown: 'page', name: 'Jobs', link: 'Jobs', ask: (client) => client.call('jobs', {}) },
    { on: '/jobs', shown: 'link', name: 'Add a job', ask: (client) => client.call('deleteJob', { params }) },
    {
      on: '/jobs',
      shown: 'button',
      name: 'Run now: Letters',
      ask: (client) => client.call('runJob', { params, body: {} }),
    },
    { on: job, shown: 'page', name: 'Letters', ask: (client) => client.call('jobs', {}) },
    { on: job, shown: 'link', name: 'Change', ask: (client) => client.call('deleteJob', { params }) },
    { on: job, shown: 'button', name: 'Delete', ask: (client) => client.call('deleteJob', { params }) },
    { on: job, shown: 'button', name: 'Run now', ask: (client) => client.call('runJob', { params, body: {} }) },
    {
      on: '/jobs/new',
      shown: 'page',
      name: 'A new job',
      ask: (client) => client.call('deleteJob', { params }),
    },
    {
      on: '/computers',
      shown: 'page',
      name: 'Computers',
      link: 'Computers',
      ask: (client) => client.call('computers', {}),
    },
    { on: '/computers', shown: 'link', name: 'Add a computer', ask: (client) => client.call('tokens', {}) },
    { on: computer, shown: 'page', name: hostname, ask: (client) => client.call('computers', {}) },
    {
      on: computer,
      shown: 'button',
      name: 'Look at it again',
      ask: (client) => client.call('rescanComputer', { params }),
    },
    {
      on: repository,
      shown: 'page',
      name: there.repository?.name ?? '',
      ask: (client) => client.call('repositories', {}),
    },
    {
      on: repository,
      shown: 'button',
      name: 'Run now: Check of a repository',
      ask: (client) => client.call('maintain', { params, body: { kind: 'check' } }),
    },
    {
      on: repository,
      shown: 'link',
      name: 'Change retention and maintenance',
      ask: (client) => client.call('setRepositoryMaintenance', { params, body: {} }),
    },
    {
      on: `${repository}/maintenance`,
      shown: 'page',
      name: `Change what is done in ${there.repository?.name ?? ''}`,
      ask: (client) => client.call('setRepositoryMaintenance', { params, body: {} }),
    },
    { on: '/groups', shown: 'page', name: 'Groups', link: 'Groups', ask: (client) => client.call('groups', {}) },
    {
      on: '/groups',
      shown: 'button',
      name: 'Add a group',
      ask: (client) => client.call('deleteGroup', { params: { id: 'nowhere' } }),
    },
    { on: '/groups/default', shown: 'page', name: 'default', ask: (client) => client.call('groups', {}) },
    {
      on: '/groups/default',
      shown: 'button',
      name: 'Make a join token',
      ask: (client) => client.call('tokens', {}),
    },
    {
      on: '/network',
      shown: 'page',
      name: 'Network',
      link: 'Network',
      ask: (client) => client.call('networkMap', {}),
    },
    {
      on: '/network',
      shown: 'button',
      name: 'Check all openings',
      ask: (client) => client.call('cancelPortCheck', { params }),
    },
    {
      on: '/restore',
      shown: 'page',
      name: 'Restore',
      link: 'Restore',
      ask: (client) => client.call('createRestore', { body: { ...noBackup, agentId: id, target: '/nowhere' } }),
    },
    { on: '/restore', shown: 'link', name: 'Recovery tokens', ask: (client) => client.call('recoveryTokens', {}) },
    {
      on: '/get-started',
      shown: 'page',
      name: 'Get started',
      link: 'Get started',
      ask: (client) => client.call('tokens', {}),
    },
    {
      on: '/settings',
      shown: 'page',
      name: 'Your account',
      link: 'Settings',
      ask: (client) => client.call('account', {}),
    },
    { on: '/settings', shown: 'link', name: 'People', ask: (client) => client.call('users', {}) },
    { on: '/settings', shown: 'link', name: 'Audit log', ask: (client) => client.call('audit', {}) },
    {
      on: '/settings/notifications',
      shown: 'page',
      name: 'Notifications',
      ask: (client) => client.call('notificationSettings', {}),
    },
    {
      on: '/settings/certificates',
      shown: 'page',
      name: 'Certificates',
      ask: (client) => client.call('certificates', {}),
    },
    { on: '/settings/audit', shown: 'page', name: 'Audit log', ask: (client) => client.call('audit', {}) },
  ];
}

/** Whether the server would do it: that the thing is not there is another matter. */
async function isAllowed(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    if (error.code === 'auth.forbidden') return false;
    assert.doesNotMatch(error.code, /^(auth|internal)\./, error.message);
    return true;
  }
}
