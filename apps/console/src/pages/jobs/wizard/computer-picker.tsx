import { Checkbox, Pill, Stack } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { computerNameQuery } from '../../../api/computer-names.ts';
import { routeQuery } from '../../../api/queries.ts';
import { ProblemAlert } from '../../../components/problem-alert.tsx';
import { SearchField } from '../../../components/search-field.tsx';
import { useText } from '../../../i18n/language.tsx';
import classes from './computer-picker.module.css';

const shownComputers = 12;

/** Agents one by one: the server searches, so that ten thousand of them are as quick as ten. */
export function ComputerPicker(o: {
  readonly chosen: readonly string[];
  readonly onChange: (ids: string[]) => void;
}): ReactNode {
  const t = useText();
  const [text, setText] = useState('');
  const query = { role: 'agent', limit: shownComputers, sort: 'name', ...(text === '' ? {} : { text }) } as const;
  const found = useQuery({ ...routeQuery('computers', { query }), placeholderData: keepPreviousData });
  const toggle = (id: string): void =>
    o.onChange(o.chosen.includes(id) ? o.chosen.filter((one) => one !== id) : [...o.chosen, id]);
  return (
    <Stack gap="xs">
      <SearchField label={t('wizard.computers.search')} value={text} onChange={setText} />
      {found.error && <ProblemAlert error={found.error} />}
      <div className={classes['list']} role="group" aria-label={t('wizard.computers')}>
        {found.data?.computers.map(({ id, hostname, group }) => (
          <Checkbox
            key={id}
            label={hostname}
            description={group}
            checked={o.chosen.includes(id)}
            onChange={() => toggle(id)}
          />
        ))}
        {found.data?.computers.length === 0 && <span>{t('computers.none-found')}</span>}
      </div>
      {found.data?.next !== undefined && <span className={classes['more']}>{t('wizard.computers.more')}</span>}
      {o.chosen.length > 0 && (
        <Pill.Group role="group" aria-label={t('wizard.computers.chosen')}>
          {o.chosen.map((id) => (
            <ChosenComputer key={id} id={id} onRemove={() => toggle(id)} />
          ))}
        </Pill.Group>
      )}
    </Stack>
  );
}

function ChosenComputer({ id, onRemove }: { readonly id: string; readonly onRemove: () => void }): ReactNode {
  const t = useText();
  const name = useQuery(computerNameQuery(id)).data ?? id.slice(0, 8);
  return (
    <Pill
      withRemoveButton
      onRemove={onRemove}
      removeButtonProps={{ 'aria-label': t('wizard.remove', { name }), 'aria-hidden': false, tabIndex: 0 }}
    >
      {name}
    </Pill>
  );
}
