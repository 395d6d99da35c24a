/** What became of one scenario, as `holdfast ports prove` writes it. */
export interface ProofCell {
  readonly scenario: string;
  readonly outcome: Outcome;
  readonly expected: 'passed' | 'degraded' | 'failed';
  /** It is what the contract says. */
  readonly holds: boolean;
}
type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'degraded'; readonly blocked: readonly string[] }
  | { readonly kind: 'failed'; readonly message: string };

/** A proof of the rules of a topology: of its document what people are shown. */
export interface Proof {
  readonly topology: string;
  readonly startedAt: string;
  readonly holds: boolean;
  /** Ids of openings. */
  readonly rules: readonly string[];
  readonly notProven: readonly string[];
  readonly notClosed: readonly string[];
  readonly scenarios: readonly string[];
  readonly sufficient: readonly ProofCell[];
  readonly necessary: readonly { readonly closed: readonly string[]; readonly cells: readonly ProofCell[] }[];
  /** In words: rules that nothing used, and parts without which everything went on. */
  readonly unused: readonly string[];
  readonly needless: readonly string[];
}

const kinds = ['passed', 'degraded', 'failed'] as const;

/**
 * Reads a file that somebody has: anything may be in it. Whether it is genuine it does not tell; for that there are signatures.
 * @throws SyntaxError where it is not JSON, TypeError where it is no proof.
 */
export function readProof(text: string): Proof {
  const document = recordIn(JSON.parse(text));
  if (document['kind'] !== 'proof') throw notOne('kind');
  const scenarios = listIn(document, 'scenarios').map((one) => textIn(recordIn(one), 'id'));
  /** In the order of the scenarios, one for each. */
  const cellsIn = (record: Fields, key: string): readonly ProofCell[] => {
    const cells = listIn(record, key).map(cellOf);
    if (cells.length !== scenarios.length || cells.some(({ scenario }, at) => scenario !== scenarios[at]))
      throw notOne(key);
    return cells;
  };
  return {
    topology: textIn(document, 'topology'),
    startedAt: timeIn(document, 'startedAt'),
    holds: flagIn(document, 'holds'),
    rules: listIn(document, 'rules').map((rule) => textIn(recordIn(rule), 'id')),
    notProven: textsIn(document, 'notProven'),
    notClosed: textsIn(document, 'notClosed'),
    scenarios,
    sufficient: cellsIn(document, 'sufficient'),
    necessary: listIn(document, 'necessary').map((one) => {
      const record = recordIn(one);
      return { closed: textsIn(record, 'closed'), cells: cellsIn(record, 'cells') };
    }),
    unused: listIn(document, 'unused').map((one) => {
      const rule = recordIn(one);
      return `${textIn(rule, 'host')}, ${textIn(rule, 'chain')}: ${textIn(rule, 'rule')}`;
    }),
    needless: listIn(document, 'needless').map((one) => {
      const opening = recordIn(one);
      return `${textIn(opening, 'rule')}: ${textIn(opening, 'from')} > ${textIn(opening, 'to')}`;
    }),
  };
}

function cellOf(value: unknown): ProofCell {
  const cell = recordIn(value);
  const outcome = recordIn(cell['outcome']);
  const kind = kindIn(outcome);
  return {
    scenario: textIn(cell, 'scenario'),
    expected: kindIn(recordIn(cell['expected'])),
    holds: flagIn(cell, 'holds'),
    outcome:
      kind === 'passed'
        ? { kind }
        : kind === 'degraded'
          ? { kind, blocked: textsIn(outcome, 'blocked') }
          : { kind, message: textIn(outcome, 'message') },
  };
}

type Fields = Readonly<Record<string, unknown>>;

function recordIn(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw notOne('{}');
}

function textIn(record: Fields, key: string): string {
  const value = record[key];
  if (typeof value === 'string') return value;
  throw notOne(key);
}

function timeIn(record: Fields, key: string): string {
  const value = textIn(record, key);
  if (!Number.isNaN(Date.parse(value))) return value;
  throw notOne(key);
}

function flagIn(record: Fields, key: string): boolean {
  const value = record[key];
  if (typeof value === 'boolean') return value;
  throw notOne(key);
}

function kindIn(record: Fields): (typeof kinds)[number] {
  const found = kinds.find((kind) => kind === record['kind']);
  if (found) return found;
  throw notOne('kind');
}

function listIn(record: Fields, key: string): readonly unknown[] {
  const value = record[key];
  if (Array.isArray(value)) return value;
  throw notOne(key);
}

function textsIn(record: Fields, key: string): readonly string[] {
  return listIn(record, key).map((value) => {
    if (typeof value === 'string') return value;
    throw notOne(key);
  });
}

function notOne(key: string): TypeError {
  return new TypeError(`not a proof: ${key}`);
}
