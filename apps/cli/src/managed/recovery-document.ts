import { oneLine } from '@holdfast/core';
import { numberedWords } from '@holdfast/protocol/recovery-kit';

/** What stands on the paper besides the words. */
export interface RecoveryFacts {
  readonly kitId: string;
  readonly createdAt: string;
  readonly installation: string;
  readonly caFingerprint: string;
  /** Names and port of the server. */
  readonly server: string;
  /** Names of repositories of the zero-knowledge mode. */
  readonly zeroKnowledge: readonly string[];
  /** By mover: where its repositories are. */
  readonly storage: readonly {
    readonly mover: string;
    readonly repositories: readonly { readonly name: string; readonly location: string }[];
  }[];
}

/** Repositories of one mover that are listed: their folders lie side by side. */
const maxListed = 20;

/** Names of the server that are printed: configured ones come first, then those of its network interfaces. */
const maxNames = 6;

/** Where the server is: what means another computer everywhere else is printed only where nothing better is known. */
export function serverText(status: {
  readonly names: readonly string[];
  readonly listening: readonly { readonly address: string; readonly port: number }[];
}): string {
  const { names, listening } = status;
  const [first] = listening;
  const known = names.filter((name) => !/^(localhost|127\..*|::1|0\.0\.0\.0|::)$/.test(name)).slice(0, maxNames);
  const where = known.length > 0 ? known.join(', ') : (first?.address ?? 'unknown');
  return first ? `${where}, port ${first.port}` : where;
}

/** The document to print, in Markdown, which can be read as it is. */
export function recoveryDocument(secret: Uint8Array, facts: RecoveryFacts): string {
  const lines = numberedWords(secret);
  return `# Holdfast recovery kit ${facts.kitId}

Made ${facts.createdAt} for installation ${facts.installation}.
Print this, keep it where neither the server nor the storage is, and delete the file.
**Whoever has these words and the storage can read every backup.**

## The words

    ${lines.join('\n    ')}

Four letters of each word are enough. They are BIP-39's English words: "Word 7 is not in the list" means that you should look at
word 7 again.

## What it is for

- Installation: \`${facts.installation}\`
- Server: \`${facts.server}\`
- CA fingerprint: \`${facts.caFingerprint}\`

${storageText(facts.storage)}${zeroKnowledgeText(facts.zeroKnowledge)}
## To start again, with this paper and the storage

On an empty computer with Holdfast, with the storage at \`/srv/holdfast\` (the folder that has \`_configuration\` in it):

1. The server's configuration. Each command asks for the words:

       holdfast config restore /srv/holdfast --data /var/lib/holdfast/server

2. The server, under its old name or address. Agents and movers that are left connect to it by themselves:

       holdfast server --data /var/lib/holdfast/server --config /var/lib/holdfast/server/restored-config.json

3. A mover for the storage, if the old one is gone, and its repositories:

       holdfast token create --role mover --out mover.token
       holdfast enroll --role mover --server SERVER --ca-fingerprint ${facts.caFingerprint} --token-file mover.token
       holdfast mover --config mover.json           # {"storageRoot": "/srv/holdfast"}
       holdfast import MOVER

Without the configuration backup leave out step 1 and the \`--config\` of step 2: \`holdfast import\` lists what is in the repositories.

Without any server, with Holdfast for one command and then any restic:

       holdfast recovery-kit password --repo /srv/holdfast/local/REPOSITORY --out password
       restic -r /srv/holdfast/local/REPOSITORY --password-file password restore latest --target /tmp/restored
`;
}

function storageText(storage: RecoveryFacts['storage']): string {
  return storage
    .map(({ mover, repositories }) => {
      const listed = repositories
        .slice(0, maxListed)
        .map(({ name, location }) => `- \`${plain(location)}\` (${name})\n`);
      const rest = repositories.length - listed.length;
      return `Repositories at mover ${plain(mover)}:\n\n${listed.join('')}${rest > 0 ? `- and ${rest} others beside them\n` : ''}\n`;
    })
    .join('');
}

function zeroKnowledgeText(names: readonly string[]): string {
  if (names.length === 0) return '';
  const listed = names.slice(0, maxListed).join(', ');
  const others = names.length > maxListed ? ` and ${names.length - maxListed} others` : '';
  return `**These words do not open** ${listed}${others}: only the recovery phrases of their own computers do (zero-knowledge mode).\n`;
}

/** Movers say their names and where their repositories are: nothing that they say becomes an instruction on the paper. */
function plain(text: string): string {
  return oneLine(text).replaceAll('`', "'").slice(0, 300);
}
