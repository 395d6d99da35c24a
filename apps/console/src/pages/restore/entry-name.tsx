import { IconFile, IconFileSymlink, IconFolder } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './restore.module.css';
import { shown } from './snapshot-paths.ts';

const signs: Readonly<Record<string, typeof IconFile>> = { dir: IconFolder, symlink: IconFileSymlink };

/** The name of an entry with the sign of its kind; a folder opens. */
export function EntryName(o: {
  readonly type: string;
  readonly name: string;
  readonly folder?: string;
  readonly onOpen?: (() => void) | undefined;
}): ReactNode {
  const Sign = signs[o.type] ?? IconFile;
  return (
    <span className={classes['entry']}>
      <Sign size={18} stroke={1.7} aria-hidden="true" data-type={o.type} />
      <span>
        {o.onOpen ? (
          <button type="button" className={classes['open']} onClick={o.onOpen}>
            <bdi>{shown(o.name)}</bdi>
          </button>
        ) : (
          <bdi>{shown(o.name)}</bdi>
        )}
        {o.folder !== undefined && <bdi className={classes['folder']}>{shown(o.folder)}</bdi>}
      </span>
    </span>
  );
}
