import { readGivenFile } from './open-repository.ts';

/** The patterns of files, one a line; # begins a comment. As with restic, $NAME and ${NAME} are variables of the environment, $$ is $. */
export async function readPatternFiles(files: readonly string[] | undefined): Promise<string[]> {
  const contents = await Promise.all((files ?? []).map((file) => readGivenFile(file, 'file of patterns')));
  return contents
    .flatMap((content) => content.replace(/^\uFEFF/, '').split(/\r?\n/))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) =>
      line.replaceAll(/\$(?:\$|\{(\w+)\}|(\w+))/g, (all, braced?: string, bare?: string) =>
        all === '$$' ? '$' : (process.env[braced ?? bare ?? ''] ?? ''),
      ),
    );
}
