// What those see who may not look at registries: what their token is for, and what it can answer.

import type { Principal } from '../api/client.ts';
import { PageHeading } from '../components/controls.tsx';
import { ImageExplainer } from '../registry/image-explainer.tsx';

/** Whether the role sees more than itself and its pulls. */
export function maySeeRegistries({ role }: Principal): boolean {
  return role === 'ADMIN' || role === 'READ_WRITE';
}

export function NoRegistries({ role }: { readonly role: Principal['role'] }) {
  return (
    <>
      <PageHeading title="Registries" />
      <p className="lead">
        Your token has the role {role}, which does not see registries.{' '}
        {role === 'PULL'
          ? 'It pulls images, and tells which registry a pull would use.'
          : 'It sees itself and what is public.'}{' '}
        Sign in with a token of the role READ_WRITE to work with registries.
      </p>
      {role === 'PULL' && <ImageExplainer />}
    </>
  );
}
