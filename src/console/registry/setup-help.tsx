// Lists the values to enter for each provider.

import { Button, Disclosure, DisclosurePanel, Heading } from 'react-aria-components';

interface Provider {
  readonly name: string;
  readonly type: string;
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

const providers: readonly Provider[] = [
  {
    name: 'Docker V2',
    type: 'Docker V2',
    registry: 'registry.example.com:5000, or docker.io/organization/* for Docker Hub',
    username: 'the username for docker login',
    password: 'the password; for Docker Hub, a personal access token with read access',
  },
  {
    name: 'Amazon ECR',
    type: 'Amazon ECR',
    registry: '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
    username: 'an access key ID',
    password: 'its secret access key; the policy AmazonEC2ContainerRegistryReadOnly is enough',
  },
  {
    name: 'Google',
    type: 'Google',
    registry: 'europe-docker.pkg.dev/project/*, or gcr.io/project/*',
    username: '_json_key',
    password: 'the JSON key of a service account with the role Artifact Registry Reader',
  },
  {
    name: 'Azure',
    type: 'Azure',
    registry: 'example.azurecr.io',
    username: 'the client ID of a service principal with the role AcrPull',
    password: 'its client secret',
  },
  {
    name: 'GitHub',
    type: 'Docker V2',
    registry: 'ghcr.io/owner/*',
    username: 'your GitHub username',
    password: 'a classic personal access token with read:packages',
  },
  {
    name: 'GitLab',
    type: 'Docker V2',
    registry: 'registry.gitlab.com/group/*',
    username: 'the username of a deploy token',
    password: 'the deploy token, with read_registry',
  },
  {
    name: 'Quay',
    type: 'Docker V2',
    registry: 'quay.io/organization/*',
    username: 'a robot account: organization+robot',
    password: 'the token of the robot',
  },
  {
    name: 'Harbor',
    type: 'Docker V2',
    registry: 'harbor.example.com/project/*',
    username: 'a robot account: robot$project+name',
    password: 'the secret of the robot',
  },
];

/** The expandable help with the values to enter for each provider. */
export function SetupHelp() {
  return (
    <Disclosure className="setup-help">
      <Heading level={3}>
        <Button slot="trigger" className="disclosure">
          <span aria-hidden="true" className="arrow">
            ▸
          </span>{' '}
          Need some help setting up your registry?
        </Button>
      </Heading>
      <DisclosurePanel>
        <div className="providers">
          {providers.map(({ name, type, registry, username, password }) => (
            <section key={name}>
              <h4>{name}</h4>
              <dl>
                <dt>Registry</dt>
                <dd>
                  <code>{registry}</code>
                </dd>
                <dt>Type</dt>
                <dd>{type}</dd>
                <dt>Username</dt>
                <dd>{username}</dd>
                <dt>Password</dt>
                <dd>{password}</dd>
              </dl>
            </section>
          ))}
        </div>
      </DisclosurePanel>
    </Disclosure>
  );
}
