"""The AWS Lambda function between Alexa and `POST /alexa/directive`, and how it is brought to AWS.

`lambda_function` runs there, alone: it is one file of the standard library and imports nothing of skill. `package`
and `template.yaml` bring it there, `commands` are for the operator. What skill makes of a call is `skill.bridge_call`.
"""
