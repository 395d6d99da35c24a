import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { lexer, type Token, type Tokens } from 'marked';
import type { Plan } from '../../plan/plan.ts';
import { arbitraryPlan } from '../../testing/arbitrary-plan.ts';
import { runPython, skipUnlessPython } from '../../testing/python.ts';
import { contentOf, renderNow } from '../../testing/rendering.ts';
import { samplePlan } from '../../testing/sample-plan.ts';
import { allElements, readXml, textOf } from '../../testing/xml.ts';
import type { Renderer } from '../renderer.ts';
import { changeRequest } from './change-request.ts';
import { changeRequestCsv } from './csv.ts';
import { changeRequestHtml } from './html.ts';
import { changeRequestMarkdown } from './markdown.ts';
import { sheets } from './sheets.ts';
import { changeRequestXlsx } from './xlsx.ts';

const hostilePlans = fc.sample(arbitraryPlan, { numRuns: 40, seed: 5 });

suite('change requests', () => {
  test('each opening has its justification, owner, expiry and what its end means', () => {
    const request = { owner: 'Network team', expires: '2027-06-30' };
    const { openings, groups } = changeRequest(samplePlan, { request });
    assert.equal(openings.length, samplePlan.flows.length);
    assert.equal(new Set(openings.map(({ reference }) => reference)).size, openings.length);
    const data = openings[5];
    assert.equal(data?.service, 'tcp 2500-3300');
    assert.equal(data.owner, 'Network team');
    assert.equal(data.expiry, '2027-06-30; used only while a session lasts');
    assert.match(data.rollback, /without it, it shares 6162 and the run ends degraded/);
    assert.match(data.rollback, /Where it is open, agent-to-mover-transport, .* stands in/);
    assert.deepEqual(data.to, ['store-1 (10.2.0.11, 2001:db8:2::11)', 'store-2 (10.2.0.12)']);
    assert.deepEqual(openings[7]?.from, [groups[1]?.name]);
    assert.deepEqual(groups[1]?.hosts.slice(0, 2), ['backup-1', 'store-1']);
  });

  test('without an owner and a date, that is up to the topology', () => {
    const [opening] = changeRequest(samplePlan).openings;
    assert.equal(opening?.owner, '');
    const [flow] = samplePlan.flows;
    const [from] = flow?.from ?? [];
    assert.ok(flow && from);
    const owned = { ...flow, from: [{ ...from, owner: 'Berlin', seenAs: { ...from, addresses: ['192.0.2.1'] } }] };
    const [named] = changeRequest({ ...samplePlan, flows: [owned] }).openings;
    assert.equal(named?.owner, 'Berlin');
    assert.deepEqual(named.from, ['backup-1 (10.1.0.10, 2001:db8:1::10; elsewhere 192.0.2.1)']);
    assert.match(opening.expiry, /as long as the topology asks for it/);
  });

  test('an expiry that is no date is an error', () => {
    for (const expires of ['tomorrow', '2027-02-30', '2027-13-01', '2027-1-1', ''])
      assert.throws(() => changeRequest(samplePlan, { request: { expires } }), { code: 'usage.option' }, expires);
  });
});

suite('change requests in Markdown', () => {
  test('a parser reads every cell as the plan has it, and nothing else', () => {
    for (const plan of [samplePlan, ...hostilePlans]) {
      const tokens = lexer(contentOf(renderNow(changeRequestMarkdown, plan).files));
      for (const token of allTokens(tokens))
        assert.ok(
          markdownTokens.has(token.type) && (token.type !== 'html' || token.raw === '<br>'),
          `${token.type}: ${token.raw}`,
        );
      const tables = tokens.filter(isTable);
      const request = changeRequest(plan);
      const [openings, ...rest] = tables;
      assert.ok(openings);
      assert.equal(openings.rows.length, request.openings.length);
      for (const [index, { from, to, justification, origin, rollback }] of request.openings.entries()) {
        const cells: readonly string[] = openings.rows[index]?.map((cell) => plainOf(cell.tokens)) ?? [];
        const expected = [from.join('\n'), to.join('\n'), justification.join('\n'), origin, rollback];
        assert.deepEqual([cells[2], cells[3], cells[5], cells[6], cells[9]], expected);
      }
      const hosts = rest.at(-2);
      assert.deepEqual(
        hosts?.rows.map((row) => row.slice(0, 2).map((cell) => plainOf(cell.tokens))),
        request.hosts.map(({ name, zone }) => [name, zone]),
      );
    }
  });
});

suite('change requests in HTML', { skip: skipUnlessPython() }, () => {
  test('the page is well-formed, loads and runs nothing, and shows every text as the plan has it', () => {
    const plans = [samplePlan, ...hostilePlans];
    const pages = readXml(plans.map((plan) => contentOf(renderNow(changeRequestHtml, plan).files)));
    for (const [index, plan] of plans.entries()) {
      const page = pages[index];
      assert.ok(page);
      const request = changeRequest(plan);
      for (const { tag, attributes } of allElements(page)) {
        assert.ok(htmlTags.has(tag), tag);
        for (const [name, value] of Object.entries(attributes)) {
          assert.match(
            name,
            /^(lang|charset|http-equiv|content|name|class|width|height|viewBox|role|x|y|rx|d|fill|stroke|font-\w+|data-\w+)$/,
          );
          assert.doesNotMatch(value, /url\(|javascript:|https?:/i);
        }
      }
      const rows = allElements(page)
        .filter(({ tag }) => tag === 'tr')
        .map((row) => row.children.map(textOf));
      for (const [number, opening] of request.openings.entries())
        assert.deepEqual(rows[number + 1]?.slice(1), [
          opening.reference,
          ...[opening.from, opening.to].map((lines) => lines.join('\n')),
          opening.service,
          opening.justification.join('\n'),
          ...[opening.origin, opening.owner, opening.expiry, opening.rollback],
        ]);
      for (const { name, zone } of request.hosts)
        assert.ok(
          rows.some(([first, second]) => first === name && second === zone),
          JSON.stringify(name),
        );
    }
  });
});

suite('change requests in CSV', { skip: skipUnlessPython() }, () => {
  test('another reader finds every cell, and none that a spreadsheet would calculate', () => {
    const plans = [samplePlan, ...hostilePlans];
    const contents = plans.map((plan) => renderNow(changeRequestCsv, plan).files.map(({ content }) => content));
    const read: unknown = JSON.parse(runPython(csvScript, JSON.stringify(contents.flat())));
    const tables = plans.flatMap((plan) => sheets(changeRequest(plan)));
    assert.deepEqual(
      read,
      tables.map(({ rows }) =>
        rows.map((row) => row.map((cell) => (/^[=+\-@＝＋－＠]/.test(cell) ? `'${cell}` : cell))),
      ),
    );
  });
});

suite('change requests for Excel', { skip: skipUnlessPython('openpyxl') }, () => {
  test('another reader finds every cell as a text', async () => {
    const plans = [samplePlan, { ...samplePlan, notes: ['constructor', '__proto__'] }, ...hostilePlans];
    const workbooks = await Promise.all(plans.map(workbookOf));
    const encoded = workbooks.map((workbook) => Buffer.from(workbook).toString('base64'));
    const read: unknown = JSON.parse(runPython(workbookScript, JSON.stringify(encoded)));
    const tables = plans.map((plan) => sheets(changeRequest(plan)).filter(({ rows }) => rows.length > 1));
    assert.deepEqual(
      read,
      // A blank is put after what the library would stumble over.
      tables.map((some) =>
        some.map(({ name, rows }) => [name, rows.map((row) => row.map((cell) => (cell in {} ? `${cell} ` : cell)))]),
      ),
    );
  });

  test('the same plan gives the same bytes', async () => {
    assert.deepEqual(await workbookOf(samplePlan), await workbookOf(samplePlan));
  });

  test('a text that no cell takes is an error', async () => {
    const notes = ['x'.repeat(32_767)];
    await assert.rejects(workbookOf({ ...samplePlan, notes }), { code: 'plan.inexpressible' });
  });
});

async function workbookOf(plan: Plan): Promise<Uint8Array> {
  const renderer: Renderer = changeRequestXlsx;
  const [file] = (await renderer.render(plan)).files;
  assert.ok(file && typeof file.content !== 'string');
  return file.content;
}

const csvScript = `
import csv, io, json, sys
print(json.dumps([list(csv.reader(io.StringIO(text, newline=''), strict=True)) for text in json.load(sys.stdin)]))
`;

const workbookScript = `
import base64, io, json, sys, openpyxl
def text(cell):
    assert cell.value is None or cell.data_type == 's', (cell.coordinate, cell.data_type)
    return cell.value or ''
def read(workbook):
    book = openpyxl.load_workbook(io.BytesIO(base64.b64decode(workbook)))
    return [[sheet.title, [[text(cell) for cell in row] for row in sheet.rows]] for sheet in book]
print(json.dumps([read(workbook) for workbook in json.load(sys.stdin)]))
`;

const markdownTokens = new Set([
  'heading',
  'space',
  'paragraph',
  'text',
  'escape',
  'codespan',
  'table',
  'list',
  'list_item',
  'html',
]);
const htmlTags = new Set([
  ...['html', 'head', 'meta', 'title', 'style', 'body', 'h1', 'h2', 'p', 'ul', 'li', 'figure', 'br', 'code'],
  ...['table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ...['svg', 'g', 'rect', 'text', 'path'].map((name) => `{http://www.w3.org/2000/svg}${name}`),
  '{http://www.w3.org/2000/svg}title',
]);

function isTable(token: Token): token is Tokens.Table {
  return token.type === 'table';
}

function allTokens(tokens: readonly Token[]): readonly Token[] {
  return tokens.flatMap((token) => [token, ...allTokens(childrenOf(token))]);
}

function childrenOf(token: Token): readonly Token[] {
  if (isTable(token)) return [token.header, ...token.rows].flatMap((row) => row.flatMap((cell) => cell.tokens));
  if (token.type === 'list') return (token as Tokens.List).items;
  return 'tokens' in token ? (token.tokens ?? []) : [];
}

function plainOf(tokens: readonly Token[]): string {
  return tokens
    .map((token) => (token.type === 'html' ? '\n' : String('text' in token ? token.text : token.raw)))
    .join('');
}
