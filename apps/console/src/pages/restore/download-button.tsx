import { ActionIcon } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';
import { canBeNamed } from './restore-request.ts';
import { nameOf, shown } from './snapshot-paths.ts';

/** Has the browser save an entry of a folder, where it is one that can be saved. */
export function DownloadButton({
  entry: { path, type },
  onDownload,
}: {
  readonly entry: { readonly path: string; readonly type: string };
  readonly onDownload: (path: string) => void;
}): ReactNode {
  const t = useText();
  if ((type !== 'file' && type !== 'dir') || !canBeNamed(path)) return undefined;
  const name = shown(nameOf(path));
  return (
    <ActionIcon
      variant="subtle"
      aria-label={t(type === 'dir' ? 'restore.download-zip.named' : 'restore.download.named', { name })}
      onClick={() => onDownload(path)}
    >
      <IconDownload size={18} aria-hidden="true" />
    </ActionIcon>
  );
}
