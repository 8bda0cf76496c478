"""Tests are sentences about behaviour, marked with the section that they hold.

`running/`  real services, databases, brokers, mail and browsers on loopback, for everybody's tests
`house/`    the rules of the house as tests
`vectors/`  requests as Alexa makes them, written from the contract
`contract/` the only place that imports both services
"""
