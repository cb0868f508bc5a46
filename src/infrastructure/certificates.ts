/** Node's codes for a certificate that no trusted authority has signed, or that is out of date. */
const untrusted =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER_CERT(_LOCALLY)?|VERIFY_LEAF_SIGNATURE)|CERT_(HAS_EXPIRED|NOT_YET_VALID|UNTRUSTED|REVOKED))$/;

/** Does a failed TLS connection's `code` say that the other side's certificate is not trusted? */
export const isUntrusted = (code: string): boolean => untrusted.test(code);
