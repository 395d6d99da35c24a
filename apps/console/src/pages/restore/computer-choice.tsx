import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { useText } from '../../i18n/language.tsx';

const pauseMs = 250;
/** Whoever has more types a letter of the name. */
const shown = 50;

/** One of all computers with an agent: the server finds them by what is typed. */
export function ComputerChoice(o: {
  readonly label: string;
  readonly value: string | undefined;
  readonly onChange: (id: string | undefined) => void;
  /** A computer that is not to be chosen. */
  readonly without?: string;
}): ReactNode {
  const t = useText();
  const [typed, setTyped] = useState('');
  const [text] = useDebouncedValue(typed, pauseMs);
  const chosen = useQuery({
    ...routeQuery('computer', { params: { id: o.value ?? '' } }),
    enabled: o.value !== undefined,
  });
  const isName = chosen.data !== undefined && [chosen.data.hostname, placed(chosen.data)].includes(text);
  const query = {
    role: 'agent',
    sort: 'name',
    limit: shown,
    ...(text === '' || isName ? {} : { text }),
  } as const;
  const found = useQuery(routeQuery('computers', { query }));
  const choices = new Map<string, Named>((found.data?.computers ?? []).map((one) => [one.id, one]));
  if (chosen.data) choices.set(chosen.data.id, chosen.data);
  // One that is left out makes a name no less doubtful.
  const names = Map.groupBy(choices.values(), ({ hostname }) => hostname);
  if (o.without !== undefined) choices.delete(o.without);
  const labelOf = (one: Named): string => ((names.get(one.hostname)?.length ?? 0) > 1 ? placed(one) : one.hostname);
  return (
    <Select
      label={o.label}
      placeholder={t('restore.computer.placeholder')}
      searchable
      value={o.value ?? null}
      onChange={(id) => o.onChange(id ?? undefined)}
      searchValue={typed}
      onSearchChange={setTyped}
      // The server has filtered by name and address.
      filter={({ options }) => options}
      data={Array.from(choices, ([value, one]) => ({ value, label: labelOf(one) }))}
      nothingFoundMessage={t('computers.none-found')}
      maxDropdownHeight={320}
    />
  );
}

interface Named {
  readonly hostname: string;
  readonly address: string;
}

/** As people are told computers of the same name apart. */
function placed({ hostname, address }: Named): string {
  return `${hostname} (${address})`;
}
