import { type ReactNode, useEffect, useRef } from 'react';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './restore.module.css';
import { folderChain, shown } from './snapshot-paths.ts';

/** Where in a backup somebody is, and the way up. */
export function Breadcrumbs(o: {
  readonly path: string;
  readonly onPath: (path: string) => void;
  readonly takesFocus: boolean;
}): ReactNode {
  const { t } = useLanguage();
  const { path, onPath, takesFocus } = o;
  const here = useRef<HTMLElement>(null);
  const focused = useRef(takesFocus ? undefined : path);
  useEffect(() => {
    if (focused.current === path) return;
    focused.current = path;
    here.current?.focus();
  }, [path]);
  const chain = [{ name: t('restore.root'), path: '/' }, ...folderChain(path)];
  return (
    <nav aria-label={t('restore.folders')}>
      <ol className={classes['crumbs']}>
        {chain.map((folder, at) => (
          <li key={folder.path}>
            {at === chain.length - 1 ? (
              <strong ref={here} tabIndex={-1} aria-current="location">
                <bdi>{shown(folder.name)}</bdi>
              </strong>
            ) : (
              <button type="button" className={classes['open']} onClick={() => onPath(folder.path)}>
                <bdi>{shown(folder.name)}</bdi>
              </button>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}
