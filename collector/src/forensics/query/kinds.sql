-- Kinds the agents know of: what a kind's name can mean.
SELECT DISTINCT `group`, kind, resource FROM coverage WHERE tenant = {tenant:String} AND ({cluster:String} = '' OR cluster = {cluster:String})
