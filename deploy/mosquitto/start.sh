#!/bin/sh
# The password file is copied, because mosquitto wants it owned by itself and readable by nobody else, and the volume
# of secrets is mounted read-only and belongs to another uid.
set -eu
umask 077
cp /secrets/passwords /tmp/passwords
exec mosquitto -c /mosquitto/config/mosquitto.conf
