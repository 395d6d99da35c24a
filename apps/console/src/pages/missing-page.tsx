import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { toProblem } from '../api/problem.ts';
import { PageHead } from '../components/page-head.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';

/** In the place of a page about one thing that could not be had: it is not there for this account, or the server says what is wrong. */
export function MissingPage({ error }: { readonly error?: unknown }): ReactNode {
  const t = useText();
  // Without an error: a list does not have it.
  if (error !== undefined && toProblem(error).status !== 404) return <ProblemAlert error={error} />;
  return (
    <>
      <PageHead title={t('missing.title')} />
      <p>
        {t('missing.text')} <Link to="/">{t('nav.overview')}</Link>
      </p>
    </>
  );
}
