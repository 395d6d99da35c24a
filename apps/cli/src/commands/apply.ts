import { type Command, Option } from 'commander';
import type { ApplyOptions } from '../fleet/apply.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { collect } from '../option-values.ts';

const work = () => import('../fleet/apply.ts');

/** `holdfast apply` and `holdfast export`: groups, jobs and policies as a file. */
export function registerApply(program: Command): void {
  addServerOptions(
    program
      .command('apply')
      .description('bring groups, jobs and policies to what files declare, with a plan first')
      .requiredOption('-f, --file <file>', 'file, folder of files, or - for standard input; may be repeated', collect),
  )
    .option('--plan', 'only show what would be done')
    .option('--yes', 'do not ask')
    .addOption(
      new Option('--prune', 'delete what this declaration had declared before, and does no longer').conflicts(
        'release',
      ),
    )
    .option('--release', 'let go of it instead: it stays, and is nobody’s from now on')
    .option('--take-over', 'also what another declaration has declared becomes part of this one')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast export > fleet.yaml
  $ holdfast apply -f fleet.yaml
  $ holdfast apply -f fleet.yaml --plan              # exit status 0: nothing to do, 3: there is, 1 and 2: errors
  $ holdfast apply -f fleet/ --prune --yes

What no file declares is left alone. What was changed since the plan was made is not overwritten. Exit status 3 also when a second
administrator has to agree to a part of it. docs/apply.md has the form of the files, docs/fleet.schema.json is for editors.

JSON: {kind: "plan" or "applied", declaration, steps: [{action, kind, name, differences: [{field, before?, after?}], …}], unchanged,
undeclared, outcomes: [{action, kind, name, state, error?, approval?}]}
${serverHelp}`,
    )
    .action((options: ApplyOptions) => performWithServer(options, async (o) => (await work()).apply(options, o)));

  addServerOptions(
    program
      .command('export')
      .description('print groups, jobs and policies as a file that `holdfast apply` takes, and that changes nothing')
      .argument('[declaration]', 'its name; what is of another declaration is left out', 'fleet'),
  )
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast export > fleet.yaml\n  $ holdfast export shops --json > shops.json\n${serverHelp}`,
    )
    .action((declaration: string, options: ServerOptions) =>
      performWithServer(options, async (o) => (await work()).exportFleet(declaration, options, o)),
    );
}
