import type { ReactNode } from 'react';
import { useFormats, useText } from '../i18n/language.tsx';

/** How long ago something was, with the exact time for whoever points at it. */
export function Age({ at }: { readonly at: string | undefined }): ReactNode {
  const formats = useFormats();
  const t = useText();
  if (at === undefined) return <span>{t('age.never')}</span>;
  return (
    <time dateTime={at} title={formats.dateTime(at)}>
      {formats.age(at)}
    </time>
  );
}
