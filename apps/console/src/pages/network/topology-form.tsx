import type { NetworkMap } from '@holdfast/protocol';
import { ActionIcon, Button, Checkbox, NativeSelect, Stack, TextInput } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { SearchField } from '../../components/search-field.tsx';
import { useText } from '../../i18n/language.tsx';
import classes from './network.module.css';
import {
  addressesIn,
  commonRoles,
  dialStyles,
  type Topology,
  withFeature,
  withHost,
  without,
  withZone,
} from './topology.ts';

interface Editing {
  readonly topology: Topology;
  readonly onChange: (topology: Topology) => void;
}
const shownHosts = 30;

/** The changes that people try most: another computer, another zone, who dials whom, which features are in use. */
export function TopologyForm(o: Editing & { readonly features: NetworkMap['features'] }): ReactNode {
  const t = useText();
  return (
    <Stack gap="lg">
      <NativeSelect
        label={t('network.topology.dial')}
        value={o.topology.dial ?? 'classic'}
        onChange={({ currentTarget: { value } }) => {
          const dial = dialStyles.find((style) => style === value);
          if (dial) o.onChange({ ...o.topology, dial });
        }}
        data={dialStyles.map((value) => ({ value, label: t(`network.dial.${value}`) }))}
      />
      <Hosts {...o} />
      <Zones {...o} />
      <Features {...o} />
    </Stack>
  );
}

function Hosts({ topology, onChange }: Editing): ReactNode {
  const t = useText();
  const zones = Object.keys(topology.zones ?? {});
  const [text, setText] = useState('');
  const [name, setName] = useState('');
  const [addresses, setAddresses] = useState('');
  const [role, setRole] = useState<(typeof commonRoles)[number]>('agent-linux');
  const [chosenZone, setZone] = useState<string>();
  const zone = chosenZone ?? zones[0] ?? '';
  const found = Object.entries(topology.hosts ?? {}).filter(([host, { zone: inside }]) =>
    `${host} ${inside}`.includes(text),
  );
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    onChange(withHost(topology, name.trim(), { zone, addresses: addressesIn(addresses), roles: [role] }));
    setName('');
    setAddresses('');
  };
  return (
    <section aria-label={t('network.topology.hosts')}>
      <h3 className={classes['part']}>{t('network.topology.hosts')}</h3>
      {found.length > shownHosts || text !== '' ? (
        <SearchField label={t('network.topology.find')} value={text} onChange={setText} />
      ) : null}
      <Parts
        parts={found.slice(0, shownHosts).map(([host, { zone: inside, addresses: own = [], roles }]) => ({
          name: host,
          about: [inside, roles.join(', '), own.join(', ')].join(' · '),
        }))}
        onRemove={(host) => onChange(without(topology, 'hosts', host))}
      />
      {found.length > shownHosts && (
        <p className={classes['soft']}>{t('network.more-hosts', { count: found.length - shownHosts })}</p>
      )}
      <form onSubmit={submit} className={classes['fields']}>
        <TextInput
          label={t('network.host.name')}
          required
          maxLength={63}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <TextInput
          label={t('network.host.addresses')}
          required
          placeholder="10.1.0.21, 10.2.0.0/24"
          value={addresses}
          onChange={({ currentTarget }) => setAddresses(currentTarget.value)}
        />
        <NativeSelect
          label={t('network.host.zone')}
          value={zone}
          onChange={({ currentTarget }) => setZone(currentTarget.value)}
          data={zones}
        />
        <NativeSelect
          label={t('network.host.role')}
          value={role}
          onChange={({ currentTarget: { value } }) =>
            setRole(commonRoles.find((one) => one === value) ?? 'agent-linux')
          }
          data={[...commonRoles]}
        />
        <Button type="submit" variant="light" disabled={zone === ''}>
          {t('network.host.add')}
        </Button>
      </form>
    </section>
  );
}

function Zones({ topology, onChange }: Editing): ReactNode {
  const t = useText();
  const [name, setName] = useState('');
  const [addresses, setAddresses] = useState('');
  const [isNat, setIsNat] = useState(false);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const prefixes = addressesIn(addresses);
    onChange(
      withZone(topology, name.trim(), {
        ...(prefixes.length > 0 ? { addresses: prefixes } : {}),
        ...(isNat ? { nat: true } : {}),
      }),
    );
    setName('');
    setAddresses('');
    setIsNat(false);
  };
  return (
    <section aria-label={t('network.topology.zones')}>
      <h3 className={classes['part']}>{t('network.topology.zones')}</h3>
      <Parts
        parts={Object.entries(topology.zones ?? {}).map(([zone, { addresses: own = [], nat }]) => ({
          name: zone,
          about: [...own, ...(nat === undefined || nat === false ? [] : [t('network.zone.nat')])].join(', '),
        }))}
        onRemove={(zone) => onChange(without(topology, 'zones', zone))}
      />
      <form onSubmit={submit} className={classes['fields']}>
        <TextInput
          label={t('network.zone.name')}
          required
          maxLength={63}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <TextInput
          label={t('network.zone.addresses')}
          placeholder="10.3.0.0/16"
          value={addresses}
          onChange={({ currentTarget }) => setAddresses(currentTarget.value)}
        />
        <Checkbox
          size="md"
          label={t('network.zone.nat')}
          checked={isNat}
          onChange={({ currentTarget }) => setIsNat(currentTarget.checked)}
        />
        <Button type="submit" variant="light">
          {t('network.zone.add')}
        </Button>
      </form>
    </section>
  );
}

function Features(o: Editing & { readonly features: NetworkMap['features'] }): ReactNode {
  const t = useText();
  const { topology, onChange } = o;
  const known = new Set([...o.features.map(({ id }) => id), ...Object.keys(topology.features ?? {})]);
  if (known.size === 0) return null;
  return (
    <section aria-label={t('network.topology.features')}>
      <h3 className={classes['part']}>{t('network.topology.features')}</h3>
      <div className={classes['fields']}>
        {[...known].sort().map((id) => (
          <Checkbox
            key={id}
            size="md"
            label={id}
            checked={topology.features?.[id] ?? true}
            onChange={({ currentTarget }) => onChange(withFeature(topology, id, currentTarget.checked))}
          />
        ))}
      </div>
    </section>
  );
}

function Parts(o: {
  readonly parts: readonly { readonly name: string; readonly about: string }[];
  readonly onRemove: (name: string) => void;
}): ReactNode {
  const t = useText();
  return (
    <ul className={classes['entries']}>
      {o.parts.map(({ name, about }) => (
        <li key={name}>
          <span>
            <strong>{name}</strong> <span className={classes['soft']}>{about}</span>
          </span>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t('network.remove', { name })}
            onClick={() => o.onRemove(name)}
          >
            <IconTrash size={17} aria-hidden="true" />
          </ActionIcon>
        </li>
      ))}
    </ul>
  );
}
