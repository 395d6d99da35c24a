import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { hashToken } from '../bearer-token.ts';
import { oauthServerName, TestOauthClient } from '../testing/test-oauth-client.ts';
import { TestServer } from '../testing/test-server.ts';

const redirectUri = 'https://console.test/callback';

async function start(t: TestContext, clock: ManualClock, folder = temporaryFolder(t)) {
  const server = await TestServer.start(folder, { clock, config: { names: [oauthServerName] } });
  t.after(() => server[Symbol.asyncDispose]());
  const { id } = await server.client.call('createOauthClient', {
    body: { name: 'Console', redirectUris: [redirectUri] },
  });
  return { server, client: await TestOauthClient.discover(server, { id, redirectUri }) };
}

test('a signing key is published before it signs and after it was replaced, and none is in clear', async (t) => {
  const clock = new ManualClock(new Date());
  const { server } = await start(t, clock);
  const keys = async (): Promise<string[]> => {
    const { keys: found } = (await (await server.http.request({ method: 'GET', path: '/oauth/keys' })).json()) as {
      keys: { kid: string; d?: string }[];
    };
    assert.ok(found.every(({ d }) => d === undefined));
    return found.map(({ kid }) => kid);
  };
  const day = 86_400_000;
  const [first, ...none] = await keys();
  assert.deepEqual(none, []);
  clock.advance(91 * day);
  const [stillFirst, second] = await keys();
  assert.equal(stillFirst, first);
  assert.ok(second);
  clock.advance(day);
  assert.deepEqual(await keys(), [second, first]);
  clock.advance(day);
  assert.deepEqual(await keys(), [second]);
  assert.ok(!(await server.databaseContent()).includes('"d":'));
});

test('sign-ins that anybody begins, and tokens of one sign-in, are so many at most; what has expired is swept', async (t) => {
  const clock = new ManualClock(new Date());
  const { server, client } = await start(t, clock);
  await server.person('alice', 'auditor');
  const count = async (model: string): Promise<number> =>
    Number((await server.readDatabase(`select count(*) from "oauthArtifacts" where model = '${model}'`))[0]);
  /** As many rows as the limit, each a second older than the next; the last one is not yet at the limit's age. */
  const fill = async (model: string, o: { rows: number; credentialId?: string }): Promise<void> => {
    for (let at = 0; at < o.rows; at += 100) {
      const rows = Array.from({ length: Math.min(100, o.rows - at) }, (_, n) => {
        const madeAt = new Date(clock.now().getTime() - (o.rows - at - n) * 1000).toISOString();
        const expiresAt = new Date(clock.now().getTime() + 600_000).toISOString();
        const credential = o.credentialId === undefined ? 'null' : `'${o.credentialId}'`;
        const hash = hashToken(`${model} ${at + n}`).toString('hex');
        return `('local', '${model}', '${hash}', ${credential}, 'v1.none', '${madeAt}', '${expiresAt}')`;
      });
      await server.alterDatabase(
        `insert into "oauthArtifacts" ("tenant", "model", "idHash", "credentialId", "sealedPayload", "createdAt", "expiresAt") values ${rows.join(', ')}`,
      );
    }
  };
  await fill('Interaction', { rows: 2_000 });
  const browser = client.browser();
  const { url } = await client.begin();
  const page = await browser.follow(await browser.get(url.href));
  assert.equal(page.status, 200);
  assert.equal(await count('Interaction'), 2_000);

  await client.tokens('alice', 'api');
  const [credentialId = ''] = await server.readDatabase(`select id from credentials where "clientId" is not null`);
  await fill('AccessToken', { rows: 250, credentialId });
  await client.tokens('alice', 'api');
  // Another sign-in makes no room in the first.
  assert.equal(await count('AccessToken'), 252);

  clock.advance(61 * 60_000);
  await browser.get((await client.begin()).url.href);
  assert.equal(await count('Interaction'), 1);
  assert.equal(await count('AccessToken'), 0);
});
