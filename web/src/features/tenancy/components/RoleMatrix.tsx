import { Checkbox } from '@mantine/core';
import { Check, ChevronRight } from 'lucide-react';
import { useState } from 'react';
import { BUILT_IN } from '@/api/access';
import { t, tOr } from '@/i18n';
import { count } from '@/ui/format';
import type { PermissionTable } from '../queries';
import { roleName } from './roles';
import classes from './tenancy.module.css';

interface Props {
  table: PermissionTable;
  /** The role that is edited, and how it changes. Without it the built-in roles stand alone. */
  chosen?: readonly string[];
  name?: string;
  onChange?: (permissions: string[]) => void;
}

type Resource = PermissionTable['resources'][number];

/** Every permission by what it is about, with the roles beside each other: the built-in ones to compare with, and one's own. */
export function RoleMatrix({ table, chosen, name, onChange }: Props) {
  const resources = table.resources.map((resource) => ({ ...resource, actions: resource.actions.filter(({ personal }) => !personal) })).filter(({ actions }) => actions.length > 0);
  return (
    <div className={classes.matrix} role="region" aria-label={t('tenancy.role.matrix')} tabIndex={0}>
      <table aria-label={t('tenancy.role.matrix')}>
        <thead>
          <tr>
            <th scope="col">{t('tenancy.role.permission')}</th>
            {chosen && <th scope="col">{name || t('tenancy.role.this')}</th>}
            {BUILT_IN.map((role) => (
              <th key={role} scope="col">
                {roleName({ role })}
              </th>
            ))}
          </tr>
        </thead>
        {resources.map((resource) => (
          <Group key={resource.resource} resource={resource} chosen={chosen} onChange={onChange} />
        ))}
      </table>
    </div>
  );
}

/** One thing that permissions are about: how much of it each role has, and which action by action once it is opened. */
function Group({ resource: { resource, title: plain, description, actions }, chosen, onChange }: { resource: Resource; chosen: readonly string[] | undefined; onChange: Props['onChange'] }) {
  const [open, setOpen] = useState(false);
  // Some have a name of those who build the panel.
  const title = tOr(`tenancy.resource.${resource.replaceAll('.', '_')}`, plain);
  const has = new Set(chosen);
  const change = (permissions: readonly string[], wanted: boolean) => onChange?.([...[...has].filter((one) => !permissions.includes(one)), ...(wanted ? permissions : [])]);
  const mine = actions.filter(({ permission }) => has.has(permission));
  // What one does not have one can take away, and not give.
  const within = actions.filter(({ held, permission }) => held || has.has(permission)).map(({ permission }) => permission);
  const all = mine.length > 0 && mine.length === within.length;
  return (
    <tbody>
      <tr className={classes.matrixGroup}>
        <th scope="row">
          <button type="button" className={classes.matrixOpen} aria-expanded={open} onClick={() => setOpen(!open)}>
            <ChevronRight size={14} className={open ? undefined : 'mp-flip'} aria-hidden />
            <span>
              {title} <small className="mp-dim">{description}</small>
            </span>
          </button>
        </th>
        {chosen && (
          <td>
            <Checkbox
              aria-label={t('tenancy.role.allOf', { what: title })}
              checked={all}
              indeterminate={mine.length > 0 && !all}
              disabled={!onChange || within.length === 0}
              title={within.length > 0 ? undefined : t('tenancy.role.notHeld')}
              onChange={() => change(within, !all)}
            />
          </td>
        )}
        {BUILT_IN.map((role) => (
          <td key={role}>
            <Share of={actions.length} has={actions.filter(({ roles }) => roles.includes(role)).length} what={`${roleName({ role })}: ${title}`} />
          </td>
        ))}
      </tr>
      {open &&
        actions.map(({ action, permission, roles, held }) => {
          const what = t('tenancy.role.of', { action: t(`tenancy.action.${action}`), what: title });
          return (
            <tr key={permission}>
              <th scope="row" className={classes.matrixAction}>
                {t(`tenancy.action.${action}`)}
              </th>
              {chosen && (
                <td>
                  <Checkbox
                    aria-label={what}
                    checked={has.has(permission)}
                    disabled={!onChange || (!held && !has.has(permission))}
                    title={held ? undefined : t('tenancy.role.notHeld')}
                    onChange={() => change([permission], !has.has(permission))}
                  />
                </td>
              )}
              {BUILT_IN.map((role) => (
                <td key={role}>
                  <Share of={1} has={roles.includes(role) ? 1 : 0} what={`${roleName({ role })}: ${what}`} />
                </td>
              ))}
            </tr>
          );
        })}
    </tbody>
  );
}

/** How much of something a role has. What cannot be changed here is no box to tick. */
function Share({ of, has, what }: { of: number; has: number; what: string }) {
  const some = t('tenancy.role.part', { has: count(has), all: count(of) });
  const said = has === of ? t('ui.yes') : has === 0 ? t('ui.no') : some;
  return (
    <>
      <span aria-hidden>{has === of ? <Check size={16} color="var(--mp-ok)" /> : <span className="mp-dim mp-num">{has === 0 ? t('ui.none') : some}</span>}</span>
      <span className="mp-sr">{`${what}: ${said}`}</span>
    </>
  );
}
