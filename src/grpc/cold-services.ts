// The administrative services: which operation serves which RPC. Nothing else happens here.

import type { handleUnaryCall, Server } from '@grpc/grpc-js';
import {
  type OrganizationServiceServer,
  OrganizationServiceService,
} from '../../generated/ts/tollgate/v1/organization_service.js';
import {
  createOrganization,
  getOrganization,
  listOrganizations,
  resumeOrganization,
  suspendOrganization,
  updateOrganization,
} from '../operations/organizations.js';
import { type Edge, type SlowOperation, slowUnary } from './unary.js';

/** Calls are counted by service: eighty methods would be too many series. */
export function addColdServices(server: Server, edge: Edge): void {
  const serving =
    (service: string) =>
    <Request, Reply>(method: string, operation: SlowOperation<Request, Reply>) =>
      slowUnary(edge, method, operation, service);
  server.addService(OrganizationServiceService, organizations(serving('OrganizationService')));
}

type Serve = <Request, Reply>(
  method: string,
  operation: SlowOperation<Request, Reply>,
) => handleUnaryCall<Request, Reply>;

function organizations(serve: Serve): OrganizationServiceServer {
  return {
    createOrganization: serve('CreateOrganization', createOrganization),
    getOrganization: serve('GetOrganization', getOrganization),
    listOrganizations: serve('ListOrganizations', listOrganizations),
    updateOrganization: serve('UpdateOrganization', updateOrganization),
    suspendOrganization: serve('SuspendOrganization', suspendOrganization),
    resumeOrganization: serve('ResumeOrganization', resumeOrganization),
  };
}
