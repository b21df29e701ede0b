#!/usr/bin/env bash
# Makes a certificate authority, and a certificate by it for a server on 127.0.0.1: ca.pem, server.pem and server.key.
#
#   examples/quickstart/certificates.sh FOLDER
set -euo pipefail
cd "$1"
umask 077

cat >openssl.cnf <<'END'
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
subjectAltName = IP:127.0.0.1
END
request=(openssl req -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
{
    "${request[@]}" -x509 -extensions authority -days 2 -subj "/CN=Quickstart authority" -keyout ca.key -out ca.pem
    "${request[@]}" -subj "/CN=Quickstart LDAP server" -keyout server.key -out server.csr
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 2 \
        -extfile openssl.cnf -extensions server -out server.pem
} 2>openssl.log
