#!/bin/sh
# Healthy: a client with a password gets a message through.
exec mosquitto_sub -h 127.0.0.1 -u health -P "$(cat /secrets/health-password)" -t '$SYS/broker/version' -C 1 -W 4
