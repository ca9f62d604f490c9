module guard-example

go 1.19
