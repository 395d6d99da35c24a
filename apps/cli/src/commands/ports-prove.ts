import { exitStatus, HoldfastError } from '@holdfast/core';
import type { Command } from 'commander';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, serverHelp } from '../managed/server-options.ts';
import { wholeNumber } from '../option-values.ts';
import type { PortsProveOptions } from '../ports/prove.ts';
import { perform } from '../work.ts';

/** `holdfast ports prove`: that the rules of a topology are enough, and that each is needed. */
export function registerPortsProve(ports: Command): void {
  const command = ports
    .command('prove')
    .description('build the topology on this computer, and prove that its rules are enough and that each is needed')
    .argument('[topology]', 'topology file; `holdfast ports init` writes one')
    .option('--out <file>', 'write the whole result there, as JSON')
    .option('--matrix <file>', 'write the matrix of rules and scenarios there, as Markdown, instead of printing it')
    .option('--only <rule...>', 'take only these rules away, not every one')
    .option('--labs <n>', 'labs that stand side by side (default: by processors and free memory)', wholeNumber(1, 32))
    .option('--keep', "keep the folder with the labs' logs")
    .option(
      '--sign <file>',
      'have the server sign the result in this file; with a topology it is written there first. The signature: <file>.jws',
    )
    .option('--verify <file>', 'check the result in this file against its signature, without a server')
    .option('--keys <file>', 'with --verify: the keys of the server, as `holdfast status --json` printed them');
  addServerOptions(command)
    .option('-q, --quiet', 'no progress; warnings and errors only')
    .addHelpText(
      'after',
      `
Examples:
  $ sudo holdfast ports prove topology.yaml
  $ sudo holdfast ports prove topology.yaml --matrix proof.md --out proof.json
  $ holdfast ports prove --sign proof.json --server backup.example --token-file token --cacert ca.pem
  $ holdfast ports prove --verify proof.json --keys server.json

Every computer of the topology becomes a network namespace of this one, with exactly the planned rules, and the real programs
run in them; nothing of it touches the network. All scenarios run with all rules, and again without each of them, in several
labs at once: one to two minutes for each rule. Needs Linux, root, ip and nft.

A signature says that an administrator of the server has submitted this result, and when. The server does not repeat the proof.
${serverHelp}

Exit status: ${exitStatus.success} the proof holds (with --verify: and its signature fits; with --sign alone: it is signed); ${exitStatus.failed} it does not, or the lab failed; ${exitStatus.usage} the topology or an option is wrong.
`,
    )
    .action(async (topology: string | undefined, options: PortsProveOptions) => {
      const { sign, verify, keys } = options;
      const prove = await import('../ports/prove.ts');
      if (topology !== undefined && verify === undefined && sign === undefined)
        return perform(options, (work) => prove.portsProve(topology, options, work));
      if (topology !== undefined && verify === undefined)
        return performWithServer(options, (work) => prove.portsProve(topology, options, work));
      if (topology === undefined && sign !== undefined && verify === undefined)
        return performWithServer(options, (work) => prove.signWrittenProof(sign, options, work));
      if (topology === undefined && sign === undefined && verify !== undefined && keys !== undefined)
        return perform(options, () => prove.verifyWrittenProof(verify, { ...options, keys }));
      throw new HoldfastError('usage.option', {
        message:
          'Give a topology to prove (--sign has the result signed), or --sign alone, or --verify together with --keys.',
      });
    });
}
