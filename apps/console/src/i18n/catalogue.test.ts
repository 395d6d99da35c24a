import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertsEn } from './alerts-en.ts';
import { formatMessage, languages, loadCatalogue, type Message } from './catalogue.ts';
import { en } from './en.ts';
import { enAdministration } from './en-administration.ts';
import { createFormats } from './formats.ts';
import { networkEn } from './network-en.ts';
import { panelEn } from './panel-en.ts';
import { repositoryEn } from './repository-en.ts';
import { restoreEn } from './restore-en.ts';

const texts = (message: Message): readonly string[] =>
  typeof message === 'string' ? [message] : Object.values(message);
const placeholders = (text: string): string => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join(' ');

for (const language of ['en', 'de'] as const)
  test(`${languages[language]} has every text, with the same values in it`, async () => {
    const catalogue = await loadCatalogue(language);
    assert.deepEqual(Object.keys(catalogue), Object.keys(en));
    for (const [key, message] of Object.entries(catalogue)) {
      const expected = placeholders(texts(en[key as keyof typeof en]).at(-1) ?? '');
      for (const text of texts(message)) assert.notEqual(text.trim(), '', key);
      assert.equal(placeholders(texts(message).at(-1) ?? ''), expected, key);
    }
  });

test('no part of the catalogue has a text that another has under the same key', () => {
  const keys = [enAdministration, alertsEn, networkEn, panelEn, repositoryEn, restoreEn].flatMap((part) =>
    Object.keys(part),
  );
  assert.deepEqual(
    keys.filter((key, at) => keys.indexOf(key) !== at),
    [],
  );
});

test('values, plural forms and numbers are put in as the language has them', () => {
  const message = { one: 'one file', other: '{count} files of {name}' };
  assert.equal(formatMessage(message, { count: 1 }, 'en'), 'one file');
  assert.equal(formatMessage(message, { count: 12345, name: 'x' }, 'en'), '12,345 files of x');
  assert.equal(formatMessage(message, { count: 12345, name: 'x' }, 'de'), '12.345 files of x');
});

test('bytes, durations and ages', () => {
  const formats = createFormats('en');
  assert.equal(formats.bytes(0), '0 B');
  assert.equal(formats.bytes(1536), '1.5 KiB');
  assert.equal(formats.bytes(3 * 2 ** 40), '3 TiB');
  assert.equal(formats.duration(3_900_000), '1 hr 5 min');
  const now = Date.parse('2026-01-10T12:00:00Z');
  assert.equal(formats.age('2026-01-10T09:00:00Z', now), '3 hours ago');
  const british = createFormats('en', { preferred: ['de-DE', 'en-GB'] });
  assert.match(british.dateTime('2026-01-10T12:00:00'), /^10 Jan 2026/);
  assert.equal(formats.age('2026-01-12T13:00:00Z', now), 'in 2 days');
});
