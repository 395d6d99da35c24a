import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { PageHead } from '../components/page-head.tsx';
import { useText } from '../i18n/language.tsx';

export function NotFoundPage(): ReactNode {
  const t = useText();
  return (
    <>
      <PageHead title={t('not-found.title')} />
      <p>
        {t('not-found.text')} <Link to="/">{t('nav.overview')}</Link>
      </p>
    </>
  );
}
